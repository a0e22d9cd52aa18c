//! The future of [`AttemptTimeout`](super::AttemptTimeout).

pub use crate::time_limit::ResponseFuture;
