use std::time::Duration;

use tower_layer::Layer;

use super::{AttemptTimeout, WORDS};
use crate::Identity;
use crate::time_limit::TimeLimitHandle;

/// Puts an [`AttemptTimeout`] around services; all of them share the limit, which its [`handle`](Self::handle) changes live.
#[derive(Clone, Debug)]
pub struct AttemptTimeoutLayer {
    limit: TimeLimitHandle,
}

impl AttemptTimeoutLayer {
    /// Gives each attempt so much time. With none, zero, every attempt is refused.
    pub fn new(timeout: Duration) -> Self {
        Self::optional(Some(timeout))
    }

    /// Gives each attempt so much time, or with `None` only what its context has left.
    pub fn optional(timeout: Option<Duration>) -> Self {
        Self { limit: TimeLimitHandle::new(Identity::default(), &WORDS, timeout) }
    }

    /// Says what the layer is called and who is told. Handles taken before are no longer this layer's.
    pub fn identity(self, identity: Identity) -> Self {
        Self { limit: self.limit.renamed(identity) }
    }

    /// The limit, to be changed while it is in force.
    pub fn handle(&self) -> TimeLimitHandle {
        self.limit.clone()
    }
}

impl<S> Layer<S> for AttemptTimeoutLayer {
    type Service = AttemptTimeout<S>;

    fn layer(&self, inner: S) -> AttemptTimeout<S> {
        AttemptTimeout::new(inner, self.limit.clone())
    }
}
