//! What a request does: one value for each operation, kept beside the method of [`Fs`](crate::Fs) that asks for it.

use crate::FsResponse;
use crate::engine::{Abandoned, Engine};
use crate::fault::{Fault, Label};

/// The doing of one operation. It may be asked more than once, since a request may be tried again.
///
/// Most are closures over a [`Task`]; those that the page cache can answer implement [`inline`](Self::inline) too.
pub(crate) trait Work: Send + Sync + 'static {
    type Output: Send + 'static;

    /// Does it here and now if that takes no waiting for a device. It runs on a worker of the runtime, so it must
    /// never block; `None` sends the work to a thread.
    fn inline(&self, _engine: &Engine) -> Option<Result<Self::Output, Fault>> {
        None
    }

    /// Does it, on a thread, where it may block.
    fn carry_out(&self, task: &Task<'_>) -> Result<Self::Output, Fault>;
}

/// What work on a thread can see of the call that it is done for.
pub(crate) struct Task<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) label: &'a Label,
    /// Which attempt of the call this is, from 1.
    pub(crate) attempt: u32,
    pub(crate) abandoned: &'a Abandoned,
}

impl<F, T> Work for F
where
    F: Fn(&Task<'_>) -> Result<T, Fault> + Send + Sync + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn carry_out(&self, task: &Task<'_>) -> Result<T, Fault> {
        self(task)
    }
}

/// Work whose result is a response, whatever it is: what a request carries.
pub(crate) trait ErasedWork: Send + Sync {
    fn inline(&self, engine: &Engine) -> Option<Result<FsResponse, Fault>>;
    fn carry_out(&self, task: &Task<'_>) -> Result<FsResponse, Fault>;
}

impl<W: Work> ErasedWork for W {
    fn inline(&self, engine: &Engine) -> Option<Result<FsResponse, Fault>> {
        Work::inline(self, engine).map(|result| result.map(FsResponse::new))
    }

    fn carry_out(&self, task: &Task<'_>) -> Result<FsResponse, Fault> {
        Work::carry_out(self, task).map(FsResponse::new)
    }
}
