use tower_layer::Layer;

use super::{Chaos, ChaosHandle};

/// Puts a [`Chaos`] around services; all of them share the faults of the handle.
#[derive(Clone, Debug)]
pub struct ChaosLayer {
    chaos: ChaosHandle,
}

impl ChaosLayer {
    /// Injects what this handle says.
    pub const fn new(chaos: ChaosHandle) -> Self {
        Self { chaos }
    }
}

impl<S> Layer<S> for ChaosLayer {
    type Service = Chaos<S>;

    fn layer(&self, inner: S) -> Chaos<S> {
        Chaos::new(inner, self.chaos.clone())
    }
}
