//! What a deadline and an attempt timeout have in common.

mod future;
mod handle;

pub use future::ResponseFuture;
pub use handle::TimeLimitHandle;

/// What a layer that limits time says of itself.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) strategy: &'static str,
    pub(crate) ran_out: &'static str,
    pub(crate) too_late: &'static str,
}
