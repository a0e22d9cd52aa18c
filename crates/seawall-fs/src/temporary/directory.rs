use std::path::{Path, PathBuf};

use seawall_core::Error;
use tempfile::TempDir;

use super::TemporaryOptions;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Makes a directory with a name that nothing else has, for its owner only, which is removed with all that is in it
    /// when it is dropped.
    ///
    /// # Errors
    /// When it cannot be made.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is left behind.
    pub async fn temporary_dir(&self, options: &TemporaryOptions) -> Result<TemporaryDir, Error> {
        let (directory, options) = (options.directory(), options.clone());
        let work = move |task: &Task<'_>| {
            let made = options.make(|builder, directory| builder.tempdir_in(directory))?;
            Ok(Removal { directory: Some(made), engine: task.engine.clone() })
        };
        let request = FsRequest::new(Operation::TemporaryDir, &directory, work);
        Ok(TemporaryDir { removal: self.ask(request).await?, fs: self.clone() })
    }
}

/// A directory that is removed with all that is in it when this is dropped; made by [`Fs::temporary_dir`].
///
/// Dropped, it is removed in the background, and nobody is told if that fails; a process that is killed leaves it. To be
/// told, call [`close`](Self::close).
#[derive(Debug)]
pub struct TemporaryDir {
    fs: Fs,
    removal: Removal,
}

impl TemporaryDir {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.removal.path()
    }

    /// Removes it with all that is in it, and says whether that worked.
    ///
    /// # Errors
    /// When it is gone already, or something in it cannot be removed. What can be is.
    ///
    /// # Cancel safety
    /// Dropped under way, the rest is removed in the background.
    pub async fn close(mut self) -> Result<(), Error> {
        let work = |task: &Task<'_>| match std::fs::remove_dir_all(&task.label.path).map_err(Fault::from) {
            Err(fault) if task.attempt > 1 && fault.is_not_found() => Ok(()),
            result => result,
        };
        self.fs.ask::<()>(FsRequest::new(Operation::RemoveTemporaryDir, self.removal.path(), work)).await?;
        self.removal.forget();
        Ok(())
    }

    /// Lets it be a directory like others.
    pub fn keep(mut self) -> PathBuf {
        self.removal.forget()
    }
}

/// Removes a directory on a thread when dropped.
#[derive(Debug)]
struct Removal {
    /// There until it is removed or kept.
    directory: Option<TempDir>,
    engine: Engine,
}

impl Removal {
    fn path(&self) -> &Path {
        self.directory.as_ref().expect("it is taken only when this is used up").path()
    }

    /// Removes nothing any more.
    fn forget(&mut self) -> PathBuf {
        self.directory.take().expect("it is taken only when this is used up").keep()
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        if let Some(directory) = self.directory.take() {
            self.engine.dispose(directory);
        }
    }
}
