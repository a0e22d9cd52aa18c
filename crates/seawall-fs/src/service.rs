use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use seawall_core::{CallContext, Error};
use tower::Service;

use crate::engine::{Abandoned, Engine};
use crate::work::Task;
use crate::{FsConfig, FsRequest, FsResponse};

/// The file system itself as a tower service: the innermost service of every [`Fs`](crate::Fs), without any
/// layer.
///
/// It is always ready. A request waits inside its future for one of the configured `concurrency` slots, at
/// most until the deadline of its [`CallContext`]. A clone shares the slots.
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
    /// A service with slots of its own. Of the configuration it takes `concurrency` and `chunk_size`.
    pub fn new(config: &FsConfig) -> Self {
        Self { engine: Engine::new(config.concurrency, config.chunk_size) }
    }
}

impl Service<FsRequest> for FileService {
    type Response = FsResponse;
    type Error = Error;
    type Future = BoxFuture<'static, Result<FsResponse, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: FsRequest) -> Self::Future {
        let engine = self.engine.clone();
        async move {
            let label = request.label();
            if let Some(result) = request.work().inline(&engine) {
                return result.map_err(|fault| fault.label(&label));
            }
            let context = CallContext::current();
            let attempt = context.attempt_number();
            let (its_engine, its_label, work) = (engine.clone(), label.clone(), Arc::clone(request.work()));
            let on_a_thread = move |abandoned: &Abandoned| {
                work.carry_out(&Task { engine: &its_engine, label: &its_label, attempt, abandoned })
            };
            engine.run(&label, context.deadline_at(), on_a_thread).await
        }
        .boxed()
    }
}
