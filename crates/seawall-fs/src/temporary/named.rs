use std::io;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use seawall_core::Error;
use tempfile::TempPath;

use super::TemporaryOptions;
use super::create_new;
use super::file::OPTIONS;
use crate::engine::Engine;
use crate::file::Opened;
use crate::work::Task;
use crate::{File, Fs, FsRequest, Operation};

impl Fs {
    /// Makes a file with a name that nothing else has, to write and read by its owner only, which is removed when it is
    /// dropped.
    ///
    /// # Errors
    /// When it cannot be made.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is left behind.
    pub async fn named_temporary_file(
        &self,
        options: &TemporaryOptions,
    ) -> Result<NamedTemporaryFile, Error> {
        let (directory, options) = (options.directory(), options.clone());
        let work = move |task: &Task<'_>| {
            let (file, path) = options
                .make(|builder, directory| builder.make_in(directory, |path| create_new(path, 0o600)))?
                .into_parts();
            let removal = Removal { path: Some(path), engine: task.engine.clone() };
            Ok((Opened::new(file, OPTIONS(), task), removal))
        };
        let request = FsRequest::new(Operation::TemporaryFile, &directory, work);
        let (opened, removal) = self.ask::<(Opened, Removal)>(request).await?;
        let file = File::new(self.clone(), removal.path(), opened);
        Ok(NamedTemporaryFile { fs: self.clone(), file, removal })
    }
}

/// A file with a name that is removed when this is dropped; made by [`Fs::named_temporary_file`]. It is used as the
/// [`File`] that it holds.
///
/// Dropped, it is removed in the background, and nobody is told if that fails; a process that is killed leaves it. To be
/// told, call [`close`](Self::close).
#[derive(Debug)]
pub struct NamedTemporaryFile {
    fs: Fs,
    file: File,
    removal: Removal,
}

impl NamedTemporaryFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.removal.path()
    }

    /// Removes it, and says whether that worked. What is not written yet is not written any more.
    ///
    /// # Errors
    /// When it is gone already or cannot be removed.
    ///
    /// # Cancel safety
    /// Dropped under way, it is removed in the background.
    pub async fn close(mut self) -> Result<(), Error> {
        // Nobody can read it, so nothing is lost.
        let _unread = self.file.discard_unwritten().await;
        self.fs.remove(self.removal.path()).await?;
        self.removal.disarm();
        Ok(())
    }

    /// Lets it be a file like others.
    ///
    /// # Errors
    /// When the system cannot take back that it is temporary; it is removed then. On Unix there is nothing to take back.
    pub fn keep(mut self) -> io::Result<(File, PathBuf)> {
        let path = self.removal.path().to_owned();
        if let Some(temporary) = self.removal.path.take() {
            temporary.keep().map_err(|failed| failed.error)?;
        }
        Ok((self.file, path))
    }

    /// Flushes it and gives it the name `to`, in the place of a file that has the name already.
    ///
    /// For a file that has to be there as a whole after a power failure too, there is
    /// [`atomic_writer`](Fs::atomic_writer).
    ///
    /// # Errors
    /// When it cannot be flushed, or the name is on another file system. It is removed then.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have the new name, or it is removed.
    pub async fn persist(mut self, to: impl AsRef<Path>) -> Result<File, Error> {
        self.file.flush().await?;
        self.fs.rename(self.removal.path(), to).await?;
        self.removal.disarm();
        Ok(self.file)
    }
}

impl Deref for NamedTemporaryFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl DerefMut for NamedTemporaryFile {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.file
    }
}

/// Removes a file on a thread when dropped.
#[derive(Debug)]
struct Removal {
    /// There until it is removed or kept.
    path: Option<TempPath>,
    engine: Engine,
}

impl Removal {
    fn path(&self) -> &Path {
        self.path.as_deref().expect("it is taken only when this is used up")
    }

    /// Removes nothing any more, since nothing is there.
    fn disarm(&mut self) {
        if let Some(path) = &mut self.path {
            path.disable_cleanup(true);
        }
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            self.engine.dispose(path);
        }
    }
}
