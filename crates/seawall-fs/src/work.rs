//! What a request does: one value for each operation, kept beside the method of [`Fs`](crate::Fs) that asks for it.

use std::cell::Cell;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;

use crate::FsResponse;
use crate::engine::{Abandoned, Engine, RingRead};
use crate::fault::{Fault, Label};

/// The doing of one operation. It may be asked more than once, since a request may be tried again.
///
/// Most are closures over a [`Task`]; those that the page cache can answer implement [`inline`](Self::inline) too.
pub(crate) trait Work: Send + Sync + 'static {
    type Output: Send + 'static;

    /// Does it here and now if that takes no waiting for a device. It runs on a worker of the runtime, so it must
    /// never block, nor copy more than [`INLINE_MOST`] bytes.
    fn inline(&self, _engine: &Engine, _path: &Path) -> Attempt<Self::Output> {
        Attempt::Missed(None)
    }

    /// The read that it comes down to, if a ring could do it. `opened` is what the attempt without a thread has opened.
    fn as_ring_read(&self, _opened: Option<&Arc<File>>) -> Option<RingRead> {
        None
    }

    /// What a ring has read, as the answer.
    fn answer_of_ring(&self, _content: BytesMut) -> Option<Self::Output> {
        None
    }

    /// Does it, on a thread, where it may block.
    fn carry_out(&self, task: &Task<'_>) -> Result<Self::Output, Fault>;
}

/// The most bytes that are copied on a worker of the runtime at once.
pub(crate) const INLINE_MOST: u64 = 128 * 1024;

/// How an attempt without a thread ended.
pub(crate) enum Attempt<T> {
    /// This is the answer.
    Answered(Result<T, Fault>),
    /// It takes a thread, which need not open the file again.
    Missed(Option<File>),
}

impl<T> Attempt<T> {
    fn map<U>(self, map: impl FnOnce(T) -> U) -> Attempt<U> {
        match self {
            Self::Answered(answer) => Attempt::Answered(answer.map(map)),
            Self::Missed(file) => Attempt::Missed(file),
        }
    }
}

/// What work on a thread can see of the call that it is done for.
pub(crate) struct Task<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) label: &'a Label,
    /// Which attempt of the call this is, from 1.
    pub(crate) attempt: u32,
    pub(crate) abandoned: &'a Abandoned,
    /// What the attempt without a thread has opened already.
    pub(crate) opened: Cell<Option<File>>,
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
    fn inline(&self, engine: &Engine, path: &Path) -> Attempt<FsResponse>;
    fn as_ring_read(&self, opened: Option<&Arc<File>>) -> Option<RingRead>;
    fn answer_of_ring(&self, content: BytesMut) -> Option<FsResponse>;
    fn carry_out(&self, task: &Task<'_>) -> Result<FsResponse, Fault>;
}

impl<W: Work> ErasedWork for W {
    fn inline(&self, engine: &Engine, path: &Path) -> Attempt<FsResponse> {
        Work::inline(self, engine, path).map(FsResponse::new)
    }

    fn as_ring_read(&self, opened: Option<&Arc<File>>) -> Option<RingRead> {
        Work::as_ring_read(self, opened)
    }

    fn answer_of_ring(&self, content: BytesMut) -> Option<FsResponse> {
        Work::answer_of_ring(self, content).map(FsResponse::new)
    }

    fn carry_out(&self, task: &Task<'_>) -> Result<FsResponse, Fault> {
        Work::carry_out(self, task).map(FsResponse::new)
    }
}
