use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use seawall_core::Error;

use crate::fault::Fault;
use crate::identity::Identity;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Gives the file `original` a further name.
    ///
    /// A second attempt, after the answer of the first was lost, knows the file by its number and takes the name for
    /// given.
    ///
    /// # Errors
    /// When there is no such file, the new name is taken, or the names are on different file systems.
    ///
    /// # Cancel safety
    /// Dropped under way, the name may have been given or not.
    pub async fn hard_link(&self, original: impl AsRef<Path>, link: impl AsRef<Path>) -> Result<(), Error> {
        let link = link.as_ref().to_owned();
        let work = move |task: &Task<'_>| hard_link(&task.label.path, &link, task.attempt);
        self.ask(FsRequest::new(Operation::HardLink, original.as_ref(), work)).await
    }

    /// Makes the symbolic link `link` that points to `target`, which need not be there.
    ///
    /// It is tried again only if it was certainly not made: otherwise a second attempt could not tell its own link
    /// from somebody else's.
    ///
    /// # Errors
    /// When the name is taken, or the link cannot be made.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been made or not.
    #[cfg(unix)]
    pub async fn symlink(&self, target: impl AsRef<Path>, link: impl AsRef<Path>) -> Result<(), Error> {
        let target = target.as_ref().to_owned();
        let work = move |task: &Task<'_>| {
            std::os::unix::fs::symlink(&target, &task.label.path).map_err(Fault::of_one_step)
        };
        self.ask(FsRequest::new(Operation::Symlink, link.as_ref(), work)).await
    }

    /// What a symbolic link points to, as it is written in it.
    ///
    /// # Errors
    /// When there is none, or it is no symbolic link.
    pub async fn read_link(&self, path: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let work = |task: &Task<'_>| Ok(fs::read_link(&task.label.path)?);
        self.ask(FsRequest::new(Operation::ReadLink, path.as_ref(), work)).await
    }

    /// The absolute path of what is there, without symbolic links, `.` and `..`.
    ///
    /// # Errors
    /// When nothing is there.
    pub async fn canonicalize(&self, path: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let work = |task: &Task<'_>| Ok(fs::canonicalize(&task.label.path)?);
        self.ask(FsRequest::new(Operation::Canonicalize, path.as_ref(), work)).await
    }

    /// The absolute form of a path, whether anything is there or not: under [`current_dir`](Self::current_dir), and
    /// without `.`. Symbolic links and `..` stay. It asks the process and no device, so there is nothing to await.
    ///
    /// # Errors
    /// When the path is empty or the current directory is gone.
    pub fn absolute(&self, path: impl AsRef<Path>) -> io::Result<PathBuf> {
        std::path::absolute(path)
    }

    /// The directory that relative paths start from. It asks the process and no device, so there is nothing to await.
    ///
    /// # Errors
    /// When it is gone.
    pub fn current_dir(&self) -> io::Result<PathBuf> {
        std::env::current_dir()
    }
}

/// Makes a hard link. On a later attempt a link to this very file has been made by an earlier one.
fn hard_link(original: &Path, link: &Path, attempt: u32) -> Result<(), Fault> {
    match fs::hard_link(original, link) {
        Err(cause) if attempt > 1 && cause.kind() == io::ErrorKind::AlreadyExists => {
            match (Identity::of_name(original), Identity::of_name(link)) {
                (Ok(one), Ok(other)) if one == other => Ok(()),
                _ => Err(cause.into()),
            }
        }
        result => Ok(result?),
    }
}
