use tower::Layer;

use super::Gate;
use super::service::Gated;

/// Puts a [`Gate`] in front of a service.
#[derive(Clone, Debug)]
pub(crate) struct GateLayer {
    gate: Gate,
    client: &'static str,
}

impl GateLayer {
    pub(super) fn new(gate: Gate, client: &'static str) -> Self {
        Self { gate, client }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated::new(inner, self.gate.clone(), self.client)
    }
}
