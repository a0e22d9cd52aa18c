use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use seawall_core::{BoxError, CallContext, Error, FailureKind, InvalidConfig, Observer};
use seawall_tower::Pipeline;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

use crate::fault::Label;
use crate::{
    Appender, AtomicWriter, Entry, FileReader, FileService, FileStream, FsClassifier, FsConfig, FsRequest,
    FsResponse, Operation,
};

type Stack = BoxCloneSyncService<FsRequest, FsResponse, Error>;

/// File I/O that never half-writes. A clone is another handle on the same stack, slots and circuit breaker.
///
/// It needs a tokio runtime with its time driver. Every wait ends at the deadline of the call's
/// [`CallContext`]. Every error names the operation and the path, and has the [`io::Error`] as its
/// [`source`](std::error::Error::source).
#[derive(Clone)]
pub struct Fs {
    stack: Stack,
    pipeline: Option<Pipeline<FsClassifier>>,
}

impl Fs {
    /// A client with the default stack: retry with budget and circuit breaker, as configured, around
    /// [`FileService`].
    ///
    /// # Errors
    /// When a value of the configuration is out of its bounds.
    pub fn new(config: &FsConfig, observer: Arc<dyn Observer>) -> Result<Self, InvalidConfig> {
        let pipeline = Pipeline::new("fs", &config.pipeline(), FsClassifier, observer)?;
        let stack = pipeline.layer(&config.target).layer(FileService::new(config));
        Ok(Self { pipeline: Some(pipeline), ..Self::from_service(stack) })
    }

    /// A client over any stack of your own, usually layers around [`FileService`].
    pub fn from_service<S>(service: S) -> Self
    where
        S: Service<FsRequest, Response = FsResponse, Error: Into<BoxError>, Future: Send + 'static>,
        S: Clone + Send + Sync + 'static,
    {
        let stack = service.map_err(|error| Error::from_boxed(error.into(), "fs", "middleware"));
        Self { stack: BoxCloneSyncService::new(stack), pipeline: None }
    }

    /// This client with one more layer around it, outermost.
    pub fn layer<L>(&self, layer: L) -> Self
    where
        L: Layer<BoxCloneSyncService<FsRequest, FsResponse, Error>>,
        L::Service: Service<FsRequest, Response = FsResponse, Error: Into<BoxError>, Future: Send + 'static>,
        L::Service: Clone + Send + Sync + 'static,
    {
        Self { pipeline: self.pipeline.clone(), ..Self::from_service(layer.layer(self.stack.clone())) }
    }

    /// The default stack's pipeline, to look at its circuit or to switch it; none of a stack of your own.
    pub fn pipeline(&self) -> Option<&Pipeline<FsClassifier>> {
        self.pipeline.as_ref()
    }

    /// Sends a request through the stack; the other methods are names for this one.
    ///
    /// # Errors
    /// Those of the operation and of the layers.
    pub async fn call(&self, request: FsRequest) -> Result<FsResponse, Error> {
        self.stack.clone().oneshot(request).await
    }

    /// The content of a file of at most `limit` bytes.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than `limit`.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn read(&self, path: impl AsRef<Path>, limit: u64) -> Result<Bytes, Error> {
        let label = label(path.as_ref(), &Operation::Read { limit });
        match self.call(FsRequest::new(path, Operation::Read { limit })).await? {
            FsResponse::Content(content) => Ok(content),
            other => Err(stray(&label, &other)),
        }
    }

    /// Replaces the content of a file, or makes the file: afterwards it holds `content` as a whole, and at
    /// no time anything between what it held and that.
    ///
    /// The content is written to a temporary file in the same directory, synced, and renamed over the
    /// target; then the directory is synced. So it outlives a power failure once this has returned.
    ///
    /// The mode (`rwx`) of an existing file is kept; the new file belongs to this process, though, and
    /// other hard links keep the old content. A symbolic link is followed: the file at its end is replaced
    /// and the link stays. What is not a regular file is refused.
    ///
    /// # Errors
    /// When the file cannot be written. Unless [`may_have_executed`](Error::may_have_executed), it is as it
    /// was and the temporary file is gone.
    ///
    /// # Cancel safety
    /// Dropped before the rename, it leaves the file as it was; during the rename, the replacement is
    /// complete, and a later `write_atomic` to the same file through this client always lands after it. A
    /// process killed meanwhile may leave a file named `.seawall-*.tmp`.
    pub async fn write_atomic(&self, path: impl AsRef<Path>, content: impl Into<Bytes>) -> Result<(), Error> {
        self.done(FsRequest::new(path, Operation::WriteAtomic { content: content.into() })).await
    }

    /// Begins to replace a file, as [`write_atomic`](Self::write_atomic) does, by content that comes in
    /// pieces.
    ///
    /// # Errors
    /// When the target cannot be replaced or no temporary file can be made beside it.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is left behind.
    pub async fn atomic_writer(&self, path: impl AsRef<Path>) -> Result<AtomicWriter, Error> {
        let label = label(path.as_ref(), &Operation::AtomicWriter);
        match self.call(FsRequest::new(path, Operation::AtomicWriter)).await? {
            FsResponse::AtomicWriter(writer) => Ok(writer),
            other => Err(stray(&label, &other)),
        }
    }

    /// The content of a file from byte `offset` on, in chunks of the configured size; nothing if it ends
    /// before.
    ///
    /// Opening passes through the stack, when the stream is first polled; reading does not, because what
    /// was read cannot be read once more into a stream that has gone on. The whole stream ends at the
    /// deadline of the context in which it was made.
    pub fn stream(&self, path: impl AsRef<Path>, offset: u64) -> FileStream {
        let operation = Operation::Stream { offset };
        let label = label(path.as_ref(), &operation);
        let (client, request, context) =
            (self.clone(), FsRequest::new(path, operation), CallContext::current());
        let deadline = context.deadline_at();
        let open = async move {
            match client.call(request).await? {
                FsResponse::Reader(reader) => Ok::<FileReader, _>(reader),
                other => Err(stray(&label, &other)),
            }
        };
        FileStream::open(context.scope(open), deadline)
    }

    /// Opens a file to write at its end, and makes it if there is none.
    ///
    /// # Errors
    /// When it cannot be opened for writing.
    ///
    /// # Cancel safety
    /// Cancel safe; an empty file may have been made.
    pub async fn append(&self, path: impl AsRef<Path>) -> Result<Appender, Error> {
        let label = label(path.as_ref(), &Operation::Append);
        match self.call(FsRequest::new(path, Operation::Append)).await? {
            FsResponse::Appender(appender) => Ok(appender),
            other => Err(stray(&label, &other)),
        }
    }

    /// What the file system knows about a file or directory. Symbolic links are followed.
    ///
    /// # Errors
    /// When there is none, or it cannot be asked about.
    pub async fn metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Error> {
        let label = label(path.as_ref(), &Operation::Metadata);
        match self.call(FsRequest::new(path, Operation::Metadata)).await? {
            FsResponse::Metadata(metadata) => Ok(metadata),
            other => Err(stray(&label, &other)),
        }
    }

    /// Whether there is a file or directory; `false` for a symbolic link to nothing.
    ///
    /// # Errors
    /// When that cannot be found out, for want of rights for instance.
    pub async fn exists(&self, path: impl AsRef<Path>) -> Result<bool, Error> {
        match self.metadata(path).await {
            Ok(_) => Ok(true),
            Err(error) if is_not_found(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a file or a symbolic link. The removal is not synced: after a power failure it may be back.
    ///
    /// # Errors
    /// When there is none, it is a directory, or it cannot be removed.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been removed or not.
    pub async fn remove(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.done(FsRequest::new(path, Operation::Remove)).await
    }

    /// Makes a directory and those above it; one that is there already is fine.
    ///
    /// # Errors
    /// When one of them cannot be made, because a file has its name for instance.
    ///
    /// # Cancel safety
    /// Dropped under way, some of them may have been made.
    pub async fn create_dir_all(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.done(FsRequest::new(path, Operation::CreateDirAll)).await
    }

    /// The entries of a directory of at most `limit` entries, sorted by name, without `.` and `..`.
    ///
    /// # Errors
    /// When it cannot be read, or has more than `limit` entries.
    pub async fn list(&self, path: impl AsRef<Path>, limit: usize) -> Result<Vec<Entry>, Error> {
        let label = label(path.as_ref(), &Operation::List { limit });
        match self.call(FsRequest::new(path, Operation::List { limit })).await? {
            FsResponse::Entries(entries) => Ok(entries),
            other => Err(stray(&label, &other)),
        }
    }

    async fn done(&self, request: FsRequest) -> Result<(), Error> {
        let label = label(&request.path, &request.operation);
        match self.call(request).await? {
            FsResponse::Done => Ok(()),
            other => Err(stray(&label, &other)),
        }
    }
}

impl fmt::Debug for Fs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fs").finish_non_exhaustive()
    }
}

fn label(path: &Path, operation: &Operation) -> Label {
    Label { operation: operation.name(), path: Arc::from(path) }
}

/// Only a stack of the user's own can answer one operation with the response of another.
fn stray(label: &Label, response: &FsResponse) -> Error {
    label.error(
        FailureKind::Permanent,
        format!("the stack answered with the wrong response: {}", response.name()),
    )
}

fn is_not_found(error: &Error) -> bool {
    std::error::Error::source(error)
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound)
}
