use std::fmt;

use backon::{BackoffBuilder, ExponentialBuilder};
use seawall_core::ByKind;
use tower_layer::Layer;

use super::{Retry, RetryPolicy};

/// Puts a [`Retry`] around services; all of them share the budget of the policy.
pub struct RetryLayer<C = ByKind, B: BackoffBuilder = ExponentialBuilder> {
    policy: RetryPolicy<C, B>,
}

impl<C, B: BackoffBuilder> RetryLayer<C, B> {
    /// Retries by this policy.
    pub const fn new(policy: RetryPolicy<C, B>) -> Self {
        Self { policy }
    }
}

impl<C, B: BackoffBuilder> Clone for RetryLayer<C, B> {
    fn clone(&self) -> Self {
        Self { policy: self.policy.clone() }
    }
}

impl<C, B: BackoffBuilder> fmt::Debug for RetryLayer<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer").field("policy", &self.policy).finish()
    }
}

impl<S, C, B: BackoffBuilder> Layer<S> for RetryLayer<C, B> {
    type Service = Retry<S, C, B>;

    fn layer(&self, inner: S) -> Retry<S, C, B> {
        Retry::new(inner, self.policy.clone())
    }
}
