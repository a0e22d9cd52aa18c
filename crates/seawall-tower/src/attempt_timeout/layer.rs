use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::AttemptTimeout;
use crate::Identity;

/// Puts an [`AttemptTimeout`] around services.
#[derive(Clone, Debug)]
pub struct AttemptTimeoutLayer {
    timeout: Option<Duration>,
    identity: Arc<Identity>,
}

impl AttemptTimeoutLayer {
    /// Gives each attempt so much time.
    pub fn new(timeout: Duration) -> Self {
        Self::optional(Some(timeout))
    }

    /// Gives each attempt so much time, or with `None` only what its context has left.
    pub fn optional(timeout: Option<Duration>) -> Self {
        Self { timeout, identity: Arc::default() }
    }

    /// Says what the layer is called and who is told.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Arc::new(identity);
        self
    }
}

impl<S> Layer<S> for AttemptTimeoutLayer {
    type Service = AttemptTimeout<S>;

    fn layer(&self, inner: S) -> AttemptTimeout<S> {
        AttemptTimeout::new(inner, self.timeout, Arc::clone(&self.identity))
    }
}
