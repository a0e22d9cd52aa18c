use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::Deadline;
use crate::Identity;

/// Puts a [`Deadline`] around services.
#[derive(Clone, Debug)]
pub struct DeadlineLayer {
    timeout: Option<Duration>,
    identity: Arc<Identity>,
}

impl DeadlineLayer {
    /// Gives each call so much time.
    pub fn new(timeout: Duration) -> Self {
        Self::optional(Some(timeout))
    }

    /// Gives each call so much time, or with `None` only what its context has left.
    pub fn optional(timeout: Option<Duration>) -> Self {
        Self { timeout, identity: Arc::default() }
    }

    /// Says what the layer is called and who is told.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Arc::new(identity);
        self
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline::new(inner, self.timeout, Arc::clone(&self.identity))
    }
}
