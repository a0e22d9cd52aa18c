use std::sync::Arc;
use std::time::Duration;

use seawall_core::{Refusal, Refused};
use tower_layer::Layer;

use super::{LoadShed, REASON, STRATEGY};
use crate::Identity;

/// Puts a [`LoadShed`] around services. It has no state: each service looks only at its own inner one.
#[derive(Clone, Debug, Default)]
pub struct LoadShedLayer {
    settings: Arc<Settings>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    identity: Identity,
    retry_after: Option<Duration>,
}

impl LoadShedLayer {
    /// Refuses what would have to wait.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says in each refusal when it is worth asking again, since readiness itself does not tell. Nothing until then.
    pub fn retry_after(self, wait: Duration) -> Self {
        self.change(|settings| settings.retry_after = Some(wait))
    }

    /// Says what the layer is called and who is told.
    pub fn identity(self, identity: Identity) -> Self {
        self.change(|settings| settings.identity = identity)
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for LoadShedLayer {
    type Service = LoadShed<S>;

    fn layer(&self, inner: S) -> LoadShed<S> {
        LoadShed::new(inner, Arc::clone(&self.settings))
    }
}

impl Settings {
    pub(super) fn refuse(&self) -> Refusal {
        self.identity.refuse(STRATEGY, Refused { reason: REASON, retry_after: self.retry_after })
    }
}
