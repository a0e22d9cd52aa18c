use std::task::{Context, Poll};

use seawall_core::Error;
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
/// # Cancel safety
/// Dropping a future stops an operation that has not begun. One that has begun runs to its end on its
/// thread, except that `read` stops at the next 8 MiB and that nothing is replaced any more: see
/// [`Fs::write_atomic`](crate::Fs::write_atomic).
#[derive(Clone, Debug)]
pub struct FileService {
    engine: Engine,
}

impl FileService {
    /// A service with threads of its own. Of the configuration it takes `concurrency`, `tiers` and `chunk_size`.
    pub fn new(config: &FsConfig) -> Self {
        Self { engine: Engine::new(config.concurrency, config.chunk_size, config.tiers) }
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
