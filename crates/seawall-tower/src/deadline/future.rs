//! The future of [`Deadline`](super::Deadline).

pub use crate::time_limit::ResponseFuture;
