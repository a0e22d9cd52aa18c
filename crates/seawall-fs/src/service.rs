use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use seawall_core::{CallContext, Error};
use tower::Service;

use crate::atomic::{self, Replacement};
use crate::engine::{Abandoned, Engine};
use crate::fault::{Fault, Label};
use crate::writers::AppendedFile;
use crate::{
    Appender, AtomicWriter, FileReader, FsConfig, FsRequest, FsResponse, Operation, operations, read,
};

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
            let label = Label { operation: request.operation.name(), path: request.path };
            let context = CallContext::current();
            let attempt = context.attempt_number();
            let (inner, inner_label) = (engine.clone(), label.clone());
            let work = move |abandoned: &Abandoned| {
                carry_out(inner, inner_label, request.operation, attempt, abandoned)
            };
            engine.run(&label, context.deadline_at(), work).await
        }
        .boxed()
    }
}

/// Does it, on a thread.
fn carry_out(
    engine: Engine,
    label: Label,
    operation: Operation,
    attempt: u32,
    abandoned: &Abandoned,
) -> Result<FsResponse, Fault> {
    let path = &*label.path;
    Ok(match operation {
        Operation::Read { limit } => FsResponse::Content(read::whole(path, limit, abandoned)?),
        Operation::WriteAtomic { content } => {
            atomic::write(path, &content, engine.gate(), abandoned)?;
            FsResponse::Done
        }
        Operation::Stream { offset } => {
            let file = read::open(path, offset)?;
            FsResponse::Reader(FileReader::new(engine, label, file))
        }
        Operation::AtomicWriter => {
            let replacement = Replacement::begin(path)?;
            FsResponse::AtomicWriter(AtomicWriter::new(engine, label, replacement))
        }
        Operation::Append => {
            let file = AppendedFile::open(path)?;
            FsResponse::Appender(Appender::new(engine, label, file))
        }
        Operation::Metadata => FsResponse::Metadata(std::fs::metadata(path)?),
        Operation::Remove => {
            operations::remove(path, attempt)?;
            FsResponse::Done
        }
        Operation::CreateDirAll => {
            std::fs::create_dir_all(path)?;
            FsResponse::Done
        }
        Operation::List { limit } => FsResponse::Entries(operations::list(path, limit)?),
    })
}
