use std::any::{Any, type_name};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::Operation;
use crate::fault::Label;
use crate::work::{ErasedWork, Work};

/// What is asked of the file system: an operation, the path it is about, and how it is done. Cheap to clone.
///
/// The methods of [`Fs`](crate::Fs) make it; middleware can see what it is and send it on, or answer in its place.
#[derive(Clone)]
pub struct FsRequest {
    operation: Operation,
    path: Arc<Path>,
    bytes: u64,
    work: Arc<dyn ErasedWork>,
}

impl FsRequest {
    pub(crate) fn new(operation: Operation, path: &Path, work: impl Work) -> Self {
        Self::about(operation, Arc::from(path), work)
    }

    pub(crate) fn about(operation: Operation, path: Arc<Path>, work: impl Work) -> Self {
        Self { operation, path, bytes: 0, work: Arc::new(work) }
    }

    /// Says how many bytes it will move.
    pub(crate) fn of_bytes(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }

    /// What to do.
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// The file or directory to do it with; the first of them where there are several.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes it will move, as far as that is known before: those to be written.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn label(&self) -> Label {
        Label { operation: self.operation.name(), path: Arc::clone(&self.path) }
    }

    pub(crate) fn work(&self) -> &Arc<dyn ErasedWork> {
        &self.work
    }
}

impl fmt::Debug for FsRequest {
    /// Without the work: the content of a file does not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsRequest")
            .field("operation", &self.operation)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// What the file system answers: a value of the type that the method of [`Fs`](crate::Fs) returns.
///
/// ```
/// use bytes::Bytes;
/// use seawall_fs::{Fs, FsRequest, FsResponse};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
/// let double = tower::service_fn(async |request: FsRequest| {
///     Ok::<_, seawall_core::Error>(FsResponse::new(Bytes::from(request.path().display().to_string())))
/// });
/// assert_eq!(Fs::from_service(double).read("/a/file", 1024).await?, "/a/file");
/// # Ok(()) }
/// ```
pub struct FsResponse {
    value: Value,
    type_name: &'static str,
}

enum Value {
    /// What most answers are, so that they take no memory of their own.
    Content(Bytes),
    Other(Box<dyn Any + Send>),
}

impl FsResponse {
    /// An answer.
    pub fn new<T: Send + 'static>(value: T) -> Self {
        let value = match cast(value) {
            Ok(content) => Value::Content(content),
            Err(value) => Value::Other(Box::new(value)),
        };
        Self { value, type_name: type_name::<T>() }
    }

    /// The answer, if it is a `T`.
    ///
    /// # Errors
    /// The response as it was, if it is something else.
    pub fn downcast<T: 'static>(self) -> Result<T, Self> {
        let Self { value, type_name } = self;
        let downcast = match value {
            Value::Content(content) => cast(content).map_err(Value::Content),
            Value::Other(value) => value.downcast().map(|value| *value).map_err(Value::Other),
        };
        downcast.map_err(|value| Self { value, type_name })
    }

    /// The answer, if it is a `T`, to look at only.
    pub(crate) fn peek<T: 'static>(&self) -> Option<&T> {
        match &self.value {
            Value::Content(content) => (content as &dyn Any).downcast_ref(),
            Value::Other(value) => value.downcast_ref(),
        }
    }

    pub(crate) const fn type_name(&self) -> &'static str {
        self.type_name
    }
}

/// The value as what it is, if it is a `U`.
fn cast<T: 'static, U: 'static>(value: T) -> Result<U, T> {
    let mut value = Some(value);
    let found = (&mut value as &mut dyn Any).downcast_mut::<Option<U>>().and_then(Option::take);
    found.ok_or_else(|| value.expect("it was not taken"))
}

impl fmt::Debug for FsResponse {
    /// By type only: the content of a file does not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FsResponse({})", self.type_name)
    }
}
