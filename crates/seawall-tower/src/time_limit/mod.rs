//! What a deadline and an attempt timeout have in common.

mod future;
mod handle;
mod watch;

pub use future::ResponseFuture;
pub(crate) use handle::Id;
pub use handle::TimeLimitHandle;
pub(crate) use watch::unwatch;

/// What a layer that limits time says of itself.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) strategy: &'static str,
    pub(crate) ran_out: &'static str,
    pub(crate) too_late: &'static str,
}
