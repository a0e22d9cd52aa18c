use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;

use super::{Coalesce, WORDS};
use crate::Identity;
use crate::time_limit::TimeLimitHandle;

/// Puts a [`Coalesce`] around services, each of which coalesces its own calls.
///
/// `K` is the function that makes a key of type `Q` of a request of type `Req`.
pub struct CoalesceLayer<K, Req, Q> {
    key: K,
    settings: Arc<Settings>,
    takes: PhantomData<fn(&Req) -> Q>,
}

/// What all services of a layer share.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) identity: Identity,
    pub(super) limit: TimeLimitHandle,
}

impl<K, Req, Q> CoalesceLayer<K, Req, Q>
where
    K: Fn(&Req) -> Option<Q>,
{
    /// Joins calls whose requests have the same key; one without a key passes through.
    pub fn new(key: K) -> Self {
        let identity = Identity::default();
        let limit = TimeLimitHandle::new(identity.clone(), &WORDS, Some(Duration::from_secs(30)));
        Self { key, settings: Arc::new(Settings { identity, limit }), takes: PhantomData }
    }
}

impl<K, Req, Q> CoalesceLayer<K, Req, Q> {
    /// Gives up a call after this long, so that one that hangs does not take all later ones with it. 30 s until then.
    /// Handles taken before are no longer this layer's.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let settings = Arc::make_mut(&mut self.settings);
        settings.limit = TimeLimitHandle::new(settings.identity.clone(), &WORDS, Some(timeout));
        self
    }

    /// That time, to be changed while it is in force; it holds of calls that begin from then on.
    pub fn handle(&self) -> TimeLimitHandle {
        self.settings.limit.clone()
    }

    /// Says what the layer is called and who is told. Handles taken before are no longer this layer's.
    pub fn identity(mut self, identity: Identity) -> Self {
        let limit = self.settings.limit.renamed(identity.clone());
        self.settings = Arc::new(Settings { identity, limit });
        self
    }
}

impl<S, K, Req, Q> Layer<S> for CoalesceLayer<K, Req, Q>
where
    S: Service<Req>,
    K: Clone,
{
    type Service = Coalesce<S, K, Req, Q>;

    fn layer(&self, inner: S) -> Self::Service {
        Coalesce::new(inner, self.key.clone(), Arc::clone(&self.settings))
    }
}

impl<K: Clone, Req, Q> Clone for CoalesceLayer<K, Req, Q> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), settings: Arc::clone(&self.settings), takes: PhantomData }
    }
}

impl<K, Req, Q> fmt::Debug for CoalesceLayer<K, Req, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoalesceLayer").field("settings", &self.settings).finish_non_exhaustive()
    }
}
