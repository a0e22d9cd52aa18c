use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use seawall_core::Error;

use crate::engine::{Engine, Need};
use crate::fault::Fault;
use crate::work::{Attempt, Task, Work};
use crate::{Fs, Operation, sys};

impl Fs {
    /// What the file system knows about a file or directory. Symbolic links are followed.
    ///
    /// # Errors
    /// When there is none, or it cannot be asked about.
    pub async fn metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Error> {
        self.ask_metadata(path.as_ref(), Ok).await
    }

    /// What the file system knows about a file or directory, or about a symbolic link itself.
    ///
    /// # Errors
    /// When there is none, or it cannot be asked about.
    pub async fn symlink_metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Error> {
        let (path, look) = (path.as_ref(), Look { follow: false, part: Ok });
        self.ask_cache(Operation::SymlinkMetadata, path, || Arc::from(path), look).await
    }

    /// How many bytes a file holds. Symbolic links are followed.
    ///
    /// # Errors
    /// As [`metadata`](Self::metadata).
    pub async fn len(&self, path: impl AsRef<Path>) -> Result<u64, Error> {
        self.ask_metadata(path.as_ref(), |metadata| Ok(metadata.len())).await
    }

    /// When its content was last changed. Symbolic links are followed.
    ///
    /// # Errors
    /// As [`metadata`](Self::metadata), and where the system does not know.
    pub async fn modified(&self, path: impl AsRef<Path>) -> Result<SystemTime, Error> {
        self.ask_metadata(path.as_ref(), |metadata| metadata.modified()).await
    }

    /// When it was last read, as far as the file system takes note of it. Symbolic links are followed.
    ///
    /// # Errors
    /// As [`modified`](Self::modified).
    pub async fn accessed(&self, path: impl AsRef<Path>) -> Result<SystemTime, Error> {
        self.ask_metadata(path.as_ref(), |metadata| metadata.accessed()).await
    }

    /// When it was made. Symbolic links are followed.
    ///
    /// # Errors
    /// As [`modified`](Self::modified).
    pub async fn created(&self, path: impl AsRef<Path>) -> Result<SystemTime, Error> {
        self.ask_metadata(path.as_ref(), |metadata| metadata.created()).await
    }

    /// Whether there is a file or directory; `false` for a symbolic link to nothing.
    ///
    /// # Errors
    /// When that cannot be found out, for want of rights for instance.
    pub async fn exists(&self, path: impl AsRef<Path>) -> Result<bool, Error> {
        found(self.metadata(path).await, |_| true)
    }

    /// Whether there is a regular file. Symbolic links are followed.
    ///
    /// # Errors
    /// As [`exists`](Self::exists).
    pub async fn is_file(&self, path: impl AsRef<Path>) -> Result<bool, Error> {
        found(self.metadata(path).await, Metadata::is_file)
    }

    /// Whether there is a directory. Symbolic links are followed.
    ///
    /// # Errors
    /// As [`exists`](Self::exists).
    pub async fn is_dir(&self, path: impl AsRef<Path>) -> Result<bool, Error> {
        found(self.metadata(path).await, Metadata::is_dir)
    }

    /// Whether there is a symbolic link, to whatever it points.
    ///
    /// # Errors
    /// As [`exists`](Self::exists).
    pub async fn is_symlink(&self, path: impl AsRef<Path>) -> Result<bool, Error> {
        found(self.symlink_metadata(path).await, Metadata::is_symlink)
    }

    async fn ask_metadata<T: Send + 'static>(
        &self,
        path: &Path,
        part: fn(Metadata) -> io::Result<T>,
    ) -> Result<T, Error> {
        self.ask_cache(Operation::Metadata, path, || Arc::from(path), Look { follow: true, part }).await
    }
}

/// An answer to a question about what is there, where nothing is an answer too.
pub(crate) fn found(
    metadata: Result<Metadata, Error>,
    is: impl FnOnce(&Metadata) -> bool,
) -> Result<bool, Error> {
    match metadata {
        Ok(metadata) => Ok(is(&metadata)),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Asks for a part of what is known about a path.
struct Look<T> {
    follow: bool,
    part: fn(Metadata) -> io::Result<T>,
}

impl<T: Send + 'static> Work for Look<T> {
    type Output = T;

    fn inline(&self, engine: &Engine, path: &Path) -> Attempt<T> {
        let Some(attempt) = engine.may_try(path, Need::LookUp) else { return Attempt::Missed(None) };
        let found = sys::look_up_cached(path).and_then(|file| file.metadata());
        let answer = match found {
            // A link was found itself; where it leads may be another device.
            Ok(metadata) if !(self.follow && metadata.is_symlink()) => (self.part)(metadata),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(cause),
            _ => {
                engine.tried(attempt, false);
                return Attempt::Missed(None);
            }
        };
        engine.tried(attempt, true);
        Attempt::Answered(answer.map_err(Fault::from))
    }

    fn carry_out(&self, task: &Task<'_>) -> Result<T, Fault> {
        let path = &task.label.path;
        let metadata = if self.follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) }?;
        task.engine.look_at(path, Need::LookUp, || sys::look_up(path));
        Ok((self.part)(metadata)?)
    }
}

fn is_not_found(error: &Error) -> bool {
    std::error::Error::source(error)
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound)
}
