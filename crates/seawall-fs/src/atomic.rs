use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use seawall_core::Error;
use tempfile::NamedTempFile;

use crate::commit_gate::CommitGate;
use crate::engine::Abandoned;
use crate::fault::Fault;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
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
        let content = content.into();
        let bytes = content.len() as u64;
        let work =
            move |task: &Task<'_>| write(&task.label.path, &content, task.engine.gate(), task.abandoned);
        self.ask(FsRequest::new(Operation::WriteAtomic, path.as_ref(), work).of_bytes(bytes)).await
    }
}

/// The replacement of a file: a temporary file beside it that takes its place in one rename.
///
/// Dropped before [`commit`](Self::commit), it removes the temporary file and the target is as it was.
/// All of it blocks; it belongs on the engine's threads.
#[derive(Debug)]
pub(crate) struct Replacement {
    temporary: NamedTempFile,
    target: Target,
}

impl Replacement {
    pub(crate) fn begin(path: &Path) -> Result<Self, Fault> {
        let target = Target::resolve(path).map_err(Fault::changed_nothing)?;
        let temporary = target.temporary().map_err(|cause| Fault::from(cause).changed_nothing())?;
        Ok(Self { temporary, target })
    }

    pub(crate) fn file(&mut self) -> &mut File {
        self.temporary.as_file_mut()
    }

    /// Makes the content durable and puts it in place, unless the caller has gone by then.
    pub(crate) fn commit(self, gate: &CommitGate, abandoned: &Abandoned) -> Result<(), Fault> {
        let Self { temporary, target } = self;
        temporary.as_file().sync_data().map_err(|cause| Fault::sync(cause).changed_nothing())?;
        {
            let _passage = gate.enter(&target.path);
            // Asked inside the gate: from here on a later replacement of the file waits for this one.
            if abandoned.is_set() {
                return Err(Fault::abandoned());
            }
            temporary.persist(&target.path).map_err(|failed| Fault::from(failed.error).changed_nothing())?;
        }
        sync_directory(&target.directory).map_err(Fault::directory_sync)
    }
}

/// Replaces the content of `path` as a whole.
fn write(path: &Path, content: &[u8], gate: &CommitGate, abandoned: &Abandoned) -> Result<(), Fault> {
    let mut replacement = Replacement::begin(path)?;
    replacement.file().write_all(content).map_err(|cause| Fault::from(cause).changed_nothing())?;
    replacement.commit(gate, abandoned)
}

/// Makes the entries of a directory durable: new names, renames, removals.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened as a file, and the rename itself is journalled.
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(directory)?.sync_all() {
        // Some network and user-space file systems have no such thing; they could not do better for anybody.
        Err(cause) if matches!(cause.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result,
    }
}

/// The file that a path means: where it really is, and what is there.
#[derive(Debug)]
struct Target {
    path: PathBuf,
    directory: PathBuf,
    permissions: Option<fs::Permissions>,
}

impl Target {
    /// Follows symbolic links, so that the file at their end is replaced and the links stay, as writing in
    /// place would.
    fn resolve(path: &Path) -> Result<Self, Fault> {
        let Some(name) = path.file_name() else {
            return Err(Fault::invalid("the path names no file"));
        };
        match fs::canonicalize(path) {
            Ok(found) => {
                let metadata = fs::metadata(&found)?;
                if !metadata.is_file() {
                    // A rename would put a regular file in place of a device or a pipe.
                    return Err(Fault::invalid("not a regular file: it cannot be replaced"));
                }
                let directory = found.parent().unwrap_or(Path::new("/")).to_owned();
                Ok(Self { path: found, directory, permissions: Some(permissions_to_keep(&metadata)) })
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                if fs::symlink_metadata(path).is_ok() {
                    return Err(Fault::invalid(
                        "a symbolic link to nothing: remove it or make what it points to",
                    ));
                }
                let parent =
                    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let directory = fs::canonicalize(parent)?;
                Ok(Self { path: directory.join(name), directory, permissions: None })
            }
            Err(cause) => Err(cause.into()),
        }
    }

    /// A new file in the same directory, because a rename works only within one file system.
    fn temporary(&self) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".seawall-").suffix(".tmp");
        match &self.permissions {
            // Private until it has the target's own mode, so that nobody reads what they could not read
            // before.
            Some(permissions) => {
                let temporary = builder.tempfile_in(&self.directory)?;
                temporary.as_file().set_permissions(permissions.clone())?;
                Ok(temporary)
            }
            None => with_usual_mode(&mut builder).tempfile_in(&self.directory),
        }
    }
}

#[cfg(unix)]
fn permissions_to_keep(metadata: &fs::Metadata) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    // Without set-user-id and set-group-id: the new file belongs to this process, not to the old owner.
    fs::Permissions::from_mode(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn permissions_to_keep(metadata: &fs::Metadata) -> fs::Permissions {
    metadata.permissions()
}

#[cfg(unix)]
fn with_usual_mode<'b, 'a, 'c>(builder: &'b mut tempfile::Builder<'a, 'c>) -> &'b tempfile::Builder<'a, 'c> {
    use std::os::unix::fs::PermissionsExt;
    // Less the umask, as for any new file.
    builder.permissions(fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn with_usual_mode<'b, 'a, 'c>(builder: &'b mut tempfile::Builder<'a, 'c>) -> &'b tempfile::Builder<'a, 'c> {
    builder
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::Arc;

    use super::*;
    use crate::engine::Engine;
    use crate::fault::Label;

    fn temporaries(directory: &Path) -> usize {
        fs::read_dir(directory)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".seawall-"))
            .count()
    }

    fn engine() -> Engine {
        Engine::new(NonZeroUsize::new(2).unwrap(), NonZeroUsize::MIN, crate::Tiers::Threads)
    }

    fn label(path: &Path) -> Label {
        Label { operation: "write_atomic", path: Arc::from(path) }
    }

    /// Starts a replacement and leaves it standing before the gate, written out but not in place.
    async fn replacement_at_the_gate(engine: &Engine, path: &Path) -> tokio::task::JoinHandle<()> {
        let (engine, label) = (engine.clone(), label(path));
        let directory = path.parent().unwrap().to_owned();
        let task = tokio::spawn(async move {
            let (inner, target) = (engine.clone(), Arc::clone(&label.path));
            let work = move |abandoned: &Abandoned| write(&target, b"new", inner.gate(), abandoned);
            engine.run(&label, None, work).await.unwrap();
        });
        // The temporary file exists once the work has begun; the gate holds it from then on.
        while temporaries(&directory) == 0 {
            tokio::task::yield_now().await;
        }
        task
    }

    #[tokio::test]
    async fn a_caller_gone_before_the_rename_leaves_the_target_untouched_and_no_temporary_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("target");
        fs::write(&path, "old").unwrap();
        let engine = engine();

        let passage = engine.gate().enter(&path);
        let task = replacement_at_the_gate(&engine, &path).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        drop(passage);

        while temporaries(directory.path()) > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    }

    #[tokio::test]
    async fn a_later_replacement_waits_until_an_earlier_one_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("target");
        fs::write(&path, "old").unwrap();
        let engine = engine();

        let passage = engine.gate().enter(&path);
        let task = replacement_at_the_gate(&engine, &path).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(passage);
        task.await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[tokio::test]
    async fn replacements_of_different_files_do_not_wait_for_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (directory.path().join("one"), directory.path().join("other"));
        let engine = engine();
        let _passage = engine.gate().enter(&one);

        let (inner, target) = (engine.clone(), other.clone());
        let work = move |abandoned: &Abandoned| write(&target, b"new", inner.gate(), abandoned);
        engine.run(&label(&other), None, work).await.unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "new");
    }
}
