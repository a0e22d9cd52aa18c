use std::fs::Metadata;
use std::io;
use std::path::Path;

use seawall_core::Error;

use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// What the file system knows about a file or directory. Symbolic links are followed.
    ///
    /// # Errors
    /// When there is none, or it cannot be asked about.
    pub async fn metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Error> {
        let work = |task: &Task<'_>| Ok(std::fs::metadata(&task.label.path)?);
        self.ask(FsRequest::new(Operation::Metadata, path.as_ref(), work)).await
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
}

fn is_not_found(error: &Error) -> bool {
    std::error::Error::source(error)
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound)
}
