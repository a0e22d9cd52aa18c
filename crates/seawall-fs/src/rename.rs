use std::fs;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use seawall_core::Error;

use crate::atomic::{directory_of, sync_directory};
use crate::directory::remove_empty_above;
use crate::fault::Fault;
use crate::identity::{Identity, rename_once};
use crate::work::Task;
use crate::{Durability, Fs, FsRequest, Operation};

impl Fs {
    /// Gives a file or directory another name, in the place of a file that has the name already. The new name is not
    /// synced: after a power failure the old one may be back.
    ///
    /// A second attempt, after the answer of the first was lost, knows the file by its number and takes it for renamed.
    ///
    /// # Errors
    /// When there is none, the names are on different file systems, or a directory that is not empty has the new name.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been renamed or not; one of both names is there at any time.
    pub async fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
        let (to, before) = (to.as_ref().to_owned(), OnceLock::new());
        let work = move |task: &Task<'_>| rename(&task.label.path, &to, &before, task.attempt);
        self.ask(FsRequest::new(Operation::Rename, from.as_ref(), work)).await
    }

    /// Gives a file its final name once it is written: syncs its content, renames it, and syncs the directory, as far as
    /// `durability` asks.
    ///
    /// # Errors
    /// As [`rename`](Self::rename), and when syncing fails. Unless [`may_have_executed`](Error::may_have_executed), it has
    /// its old name.
    ///
    /// # Cancel safety
    /// As [`rename`](Self::rename).
    pub async fn rename_with(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        durability: Durability,
    ) -> Result<(), Error> {
        let (to, before) = (to.as_ref().to_owned(), OnceLock::new());
        let work = move |task: &Task<'_>| {
            let from = &*task.label.path;
            // A second attempt may find it renamed already.
            if durability.syncs_data() && before.get().is_none() {
                let sync =
                    fs::File::open(from).map_err(Fault::from).map_err(Fault::changed_nothing)?.sync_data();
                sync.map_err(|cause| Fault::sync(cause).changed_nothing())?;
            }
            rename(from, &to, &before, task.attempt)?;
            if durability.syncs_directory() {
                sync_directory(directory_of(&to)).map_err(Fault::directory_sync)?;
            }
            Ok(())
        };
        self.ask(FsRequest::new(Operation::Rename, from.as_ref(), work)).await
    }

    /// Gives a file or directory another name that nothing has yet, checked in the same step.
    ///
    /// Where the system or the file system has no such step, a file gets its new name before it loses the old one, and
    /// a directory is refused.
    ///
    /// # Errors
    /// As [`rename`](Self::rename), and when the new name is taken.
    ///
    /// # Cancel safety
    /// As [`rename`](Self::rename).
    pub async fn rename_new(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
        let (to, before) = (to.as_ref().to_owned(), OnceLock::new());
        let work = move |task: &Task<'_>| {
            let from = &*task.label.path;
            let (old, new) = (|| Identity::of_name(from), || Identity::of_name(&to));
            rename_once(&before, task.attempt, old, new, || rename_new(from, &to))
        };
        self.ask(FsRequest::new(Operation::RenameNew, from.as_ref(), work)).await
    }

    /// [`rename`](Self::rename) that makes the directories above the new name, and afterwards removes those above the
    /// old one that are empty now.
    ///
    /// # Errors
    /// As [`rename`](Self::rename), and when a directory cannot be made. One that cannot be removed stays.
    ///
    /// # Cancel safety
    /// As [`rename`](Self::rename); directories may have been made or removed.
    pub async fn renames(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
        let (to, before) = (to.as_ref().to_owned(), OnceLock::new());
        let work = move |task: &Task<'_>| {
            if let Some(above) = to.parent().filter(|above| !above.as_os_str().is_empty()) {
                fs::create_dir_all(above)?;
            }
            rename(&task.label.path, &to, &before, task.attempt)?;
            remove_empty_above(&task.label.path);
            Ok(())
        };
        self.ask(FsRequest::new(Operation::Renames, from.as_ref(), work)).await
    }
}

fn rename(from: &Path, to: &Path, before: &OnceLock<Identity>, attempt: u32) -> Result<(), Fault> {
    let (old, new) = (|| Identity::of_name(from), || Identity::of_name(to));
    rename_once(before, attempt, old, new, || fs::rename(from, to))
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;

    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link_and_remove(from, to),
        result => Ok(result?),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    link_and_remove(from, to)
}

/// A link is made only where nothing is, too; but a directory can have no second one.
fn link_and_remove(from: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(from)?.is_dir() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn without_the_one_step_a_file_is_still_not_put_in_the_place_of_another() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        fs::write(&from, "one").unwrap();
        fs::write(&to, "other").unwrap();
        assert_eq!(link_and_remove(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&from).unwrap(), fs::read(&to).unwrap()), (b"one".into(), b"other".into()));

        fs::remove_file(&to).unwrap();
        link_and_remove(&from, &to).unwrap();
        assert!(!from.exists());
        assert_eq!(fs::read(&to).unwrap(), b"one");
        let refused = link_and_remove(directory.path(), &to).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
    }
}
