//! What a root offers to make, rename, link and remove.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{AtFlags, FileType, Mode, RenameFlags, linkat, mkdirat, renameat_with, statat, unlinkat};
use rustix::io::Errno;
use seawall_core::Error;

use super::Root;
use super::base::Base;
use crate::Operation;
use crate::at::At;
use crate::fault::Fault;
use crate::identity::rename_once;
use crate::work::Task;

impl Root {
    /// [`Fs::create_dir`](crate::Fs::create_dir).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn create_dir(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let work = |base: &Base, path: &Path, _: &Task<'_>| {
            let place = base.place(path)?;
            let (directory, name) = place.at();
            mkdirat(directory, name, Mode::from_raw_mode(0o777))
                .map_err(|cause| Fault::of_one_step(cause.into()))
        };
        self.ask(Operation::CreateDir, path.as_ref(), work).await
    }

    /// [`Fs::create_dir_all`](crate::Fs::create_dir_all).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn create_dir_all(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.ask(Operation::CreateDirAll, path.as_ref(), |base, path, _| base.create_dir_all(path)).await
    }

    /// [`Fs::remove`](crate::Fs::remove).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn remove(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let work =
            |base: &Base, path: &Path, task: &Task<'_>| remove(base, path, AtFlags::empty(), task.attempt);
        self.ask(Operation::Remove, path.as_ref(), work).await
    }

    /// [`Fs::remove_dir`](crate::Fs::remove_dir).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn remove_dir(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let work =
            |base: &Base, path: &Path, task: &Task<'_>| remove(base, path, AtFlags::REMOVEDIR, task.attempt);
        self.ask(Operation::RemoveDir, path.as_ref(), work).await
    }

    /// [`Fs::rename`](crate::Fs::rename), from and to a path inside.
    ///
    /// # Errors
    /// As there, and when a path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
        self.rename_by(Operation::Rename, from.as_ref(), to.as_ref(), RenameFlags::empty()).await
    }

    /// [`Fs::rename_new`](crate::Fs::rename_new), from and to a path inside, where the file system has it in one step.
    ///
    /// # Errors
    /// As there, and when a path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn rename_new(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
        self.rename_by(Operation::RenameNew, from.as_ref(), to.as_ref(), RenameFlags::NOREPLACE).await
    }

    /// [`Fs::hard_link`](crate::Fs::hard_link), of and to a path inside.
    ///
    /// # Errors
    /// As there, and when a path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn hard_link(&self, original: impl AsRef<Path>, link: impl AsRef<Path>) -> Result<(), Error> {
        let link = link.as_ref().to_owned();
        let work = move |base: &Base, path: &Path, task: &Task<'_>| {
            let (old, new) = (base.place(path)?, base.place(&link)?);
            let (old_directory, old_name) = old.at();
            let (new_directory, new_name) = new.at();
            match linkat(old_directory, old_name, new_directory, new_name, AtFlags::empty()) {
                Err(Errno::EXIST)
                    if task.attempt > 1
                        && old.identity().is_ok_and(|one| new.identity().is_ok_and(|other| one == other)) =>
                {
                    Ok(())
                }
                result => Ok(result.map_err(io::Error::from)?),
            }
        };
        self.ask(Operation::HardLink, original.as_ref(), work).await
    }

    /// [`Fs::symlink`](crate::Fs::symlink). What it points to may be outside; following it is refused then.
    ///
    /// # Errors
    /// As there, and when the path of the link leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn symlink(&self, target: impl AsRef<Path>, link: impl AsRef<Path>) -> Result<(), Error> {
        let target = target.as_ref().to_owned();
        let work = move |base: &Base, path: &Path, _: &Task<'_>| {
            At::from(base.place(path)?).symlink(&target).map_err(Fault::of_one_step)
        };
        self.ask(Operation::Symlink, link.as_ref(), work).await
    }

    async fn rename_by(
        &self,
        operation: Operation,
        from: &Path,
        to: &Path,
        flags: RenameFlags,
    ) -> Result<(), Error> {
        let (to, before) = (to.to_owned(), OnceLock::new());
        let work = move |base: &Base, path: &Path, task: &Task<'_>| {
            let (old, new) = (base.place(path)?, base.place(&to)?);
            let (old_directory, old_name) = old.at();
            let (new_directory, new_name) = new.at();
            let rename = || Ok(renameat_with(old_directory, old_name, new_directory, new_name, flags)?);
            rename_once(&before, task.attempt, || old.identity(), || new.identity(), rename)
        };
        self.ask(operation, from, work).await
    }
}

impl Base {
    pub(crate) fn create_dir_all(&self, path: &Path) -> Result<(), Fault> {
        let mut all: Vec<_> = path.ancestors().filter(|above| above.file_name().is_some()).collect();
        all.reverse();
        for above in all {
            let place = self.place(above)?;
            let (directory, name) = place.at();
            match mkdirat(directory, name, Mode::from_raw_mode(0o777)) {
                Ok(()) => {}
                // A directory is fine, and a link to one inside too.
                Err(Errno::EXIST) => match self.below(above) {
                    Ok(_) => {}
                    Err(_) if above == path && !is_link(directory, name) => {
                        return Err(io::Error::from(Errno::EXIST).into());
                    }
                    Err(fault) => return Err(fault),
                },
                Err(cause) => return Err(io::Error::from(cause).into()),
            }
        }
        // The whole path, so that one that ends in `..` is not outside.
        self.below(path).map(drop)
    }
}

fn is_link(directory: std::os::fd::BorrowedFd<'_>, name: &std::ffi::OsStr) -> bool {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

/// Removes a name. On a later attempt one that is not there has been removed by an earlier one.
fn remove(base: &Base, path: &Path, flags: AtFlags, attempt: u32) -> Result<(), Fault> {
    let place = base.place(path)?;
    let (directory, name) = place.at();
    match unlinkat(directory, name, flags) {
        Err(Errno::NOENT) if attempt > 1 => Ok(()),
        result => Ok(result.map_err(io::Error::from)?),
    }
}
