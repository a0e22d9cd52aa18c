use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::{Error, Observer};
use seawall_tower::Identity;
use tower::Service;

use crate::engine::Engine;
use crate::future::ResponseFuture;
use crate::{FsConfig, FsRequest, FsResponse};

/// The file system itself as a tower service: the innermost service of every [`Fs`](crate::Fs), without any
/// layer.
///
/// It is always ready. What the page cache cannot answer at once waits inside its future for one of the configured
/// `concurrency` threads, at most until the deadline of its [`CallContext`](seawall_core::CallContext). A clone shares
/// the threads.
///
/// # When there is not enough
/// A call that meets the limit of open files (`EMFILE`, `ENFILE`) waits in its future until one is closed, to its
/// deadline or for a minute, and only then fails. A device that is full (`ENOSPC`, `EDQUOT`) is not written to for a
/// while, from a second up to half a minute, or until there is more room: such calls are
/// [refused](seawall_core::FailureKind::Refused), while reading, removing and other devices go on.
///
/// # Cancel safety
/// Dropping a future stops an operation that has not begun. One that has begun runs to its end on its
/// thread, except that `read` stops at the next 8 MiB and that nothing is replaced any more: see
/// [`Fs::write_atomic`](crate::Fs::write_atomic).
#[derive(Clone, Debug)]
pub struct FileService {
    engine: Engine,
}

impl FileService {
    /// A service with threads of its own. Of the configuration it takes `concurrency`, `tiers`, `chunk_size` and
    /// `bytes_per_second`.
    pub fn new(config: &FsConfig) -> Self {
        Self::observed(config, Arc::new(()))
    }

    /// The same, telling `observer` of the devices that are full and of who has to wait for the limit of bytes a second,
    /// by the configured `target`.
    pub fn observed(config: &FsConfig, observer: Arc<dyn Observer>) -> Self {
        let identity = Identity::new(config.target.as_str()).pipeline("fs").observer(observer);
        let engine = Engine::new(config.concurrency, config.chunk_size, config.tiers);
        Self { engine: engine.guarded(config.bytes_per_second, identity) }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl Service<FsRequest> for FileService {
    type Response = FsResponse;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: FsRequest) -> ResponseFuture {
        ResponseFuture::new(&self.engine, request)
    }
}
