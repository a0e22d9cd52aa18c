use seawall_core::ByKind;
use tower_layer::Layer;

use super::{CircuitBreaker, CircuitBreakerHandle};

/// Puts a [`CircuitBreaker`] around services; all of them share the circuit of the handle.
#[derive(Clone, Debug)]
pub struct CircuitBreakerLayer<C = ByKind> {
    breaker: CircuitBreakerHandle,
    classifier: C,
}

impl CircuitBreakerLayer {
    /// Guards with this circuit, and takes every response for a success and every error at its word ([`ByKind`]).
    pub const fn new(breaker: CircuitBreakerHandle) -> Self {
        Self { breaker, classifier: ByKind }
    }
}

impl<C> CircuitBreakerLayer<C> {
    /// Says how results are judged.
    pub fn classifier<D>(self, classifier: D) -> CircuitBreakerLayer<D> {
        CircuitBreakerLayer { breaker: self.breaker, classifier }
    }
}

impl<S, C: Clone> Layer<S> for CircuitBreakerLayer<C> {
    type Service = CircuitBreaker<S, C>;

    fn layer(&self, inner: S) -> CircuitBreaker<S, C> {
        CircuitBreaker::new(inner, self.breaker.clone(), self.classifier.clone())
    }
}
