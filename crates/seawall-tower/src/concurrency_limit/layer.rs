use seawall_core::ByKind;
use tower_layer::Layer;

use super::{ConcurrencyLimit, ConcurrencyLimitHandle};

/// Puts a [`ConcurrencyLimit`] around services; all of them share the limit and the queue of the handle.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimitLayer<C = ByKind> {
    limit: ConcurrencyLimitHandle,
    classifier: C,
}

impl ConcurrencyLimitLayer {
    /// Holds calls to this limit, and takes every response for a success and every error at its word ([`ByKind`]).
    pub const fn new(limit: ConcurrencyLimitHandle) -> Self {
        Self { limit, classifier: ByKind }
    }
}

impl<C> ConcurrencyLimitLayer<C> {
    /// Says how results are judged.
    pub fn classifier<D>(self, classifier: D) -> ConcurrencyLimitLayer<D> {
        ConcurrencyLimitLayer { limit: self.limit, classifier }
    }
}

impl<S, C: Clone> Layer<S> for ConcurrencyLimitLayer<C> {
    type Service = ConcurrencyLimit<S, C>;

    fn layer(&self, inner: S) -> ConcurrencyLimit<S, C> {
        ConcurrencyLimit::new(inner, self.limit.clone(), self.classifier.clone())
    }
}
