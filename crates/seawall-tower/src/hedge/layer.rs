use std::sync::Arc;

use seawall_core::{ByKind, Idempotency, SharedRetryBudget};
use tower_layer::Layer;

use super::settings::Settings;
use super::{Hedge, HedgeHandle};

/// Puts a [`Hedge`] around services; all of them share the response times and the budget of the handle.
#[derive(Clone, Debug)]
pub struct HedgeLayer<C = ByKind> {
    settings: Settings<C>,
}

impl HedgeLayer {
    /// Hedges by this handle. Results are judged and requests repeated by [`ByKind`], and a call is idempotent only if
    /// its context says so.
    pub const fn new(handle: HedgeHandle) -> Self {
        let unspecified = Idempotency::NotIdempotent;
        Self { settings: Settings { handle, classifier: ByKind, unspecified, budget: None } }
    }
}

impl<C> HedgeLayer<C> {
    /// Says how results are judged and requests repeated: by something that is
    /// [`Classify`](seawall_core::Classify) and [`Replay`](crate::Replay).
    pub fn classifier<D>(self, classifier: D) -> HedgeLayer<D> {
        let Settings { handle, unspecified, budget, .. } = self.settings;
        HedgeLayer { settings: Settings { handle, classifier, unspecified, budget } }
    }

    /// Pays hedges from this budget too, unless the call's context brings its own: the one that the retries of the same
    /// backend are paid from.
    pub fn budget(mut self, budget: SharedRetryBudget) -> Self {
        self.settings.budget = Some(budget);
        self
    }

    /// Says what a call is of which neither its context nor the backend says whether it may be repeated.
    /// [`Idempotency::NotIdempotent`] until then.
    pub fn unspecified_is(mut self, idempotency: Idempotency) -> Self {
        self.settings.unspecified = idempotency;
        self
    }
}

impl<S, C: Clone> Layer<S> for HedgeLayer<C> {
    type Service = Hedge<S, C>;

    fn layer(&self, inner: S) -> Hedge<S, C> {
        Hedge::new(inner, Arc::new(self.settings.clone()))
    }
}
