use std::io;
use std::path::Path;
use std::sync::OnceLock;

use crate::fault::Fault;

/// Which file it is, whatever it is called: its device and its number on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: u64,
    number: u64,
}

impl Identity {
    /// Of what a path names, a symbolic link itself.
    #[cfg(unix)]
    pub(crate) fn of_name(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&std::fs::symlink_metadata(path)?))
    }

    #[cfg(unix)]
    pub(crate) fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device: metadata.dev(), number: metadata.ino() }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn of_stat(stat: &rustix::fs::Stat) -> Self {
        Self { device: stat.st_dev, number: stat.st_ino }
    }

    #[cfg(unix)]
    pub(crate) fn is_on_the_device_of(self, other: Self) -> bool {
        self.device == other.device
    }

    /// Files have no numbers here that the standard library tells.
    #[cfg(not(unix))]
    pub(crate) fn of_name(_: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Does `rename` so that a later attempt can tell whether an earlier one did it already and only its answer was lost:
/// then the old name is gone, and the new one names the file that the old one named before the first attempt.
///
/// `before` outlives the attempts.
pub(crate) fn rename_once(
    before: &OnceLock<Identity>,
    attempt: u32,
    old: impl Fn() -> io::Result<Identity>,
    new: impl Fn() -> io::Result<Identity>,
    rename: impl FnOnce() -> io::Result<()>,
) -> Result<(), Fault> {
    if before.get().is_none()
        && let Ok(identity) = old()
    {
        // Attempts may overlap; whichever came first knows it.
        let _known = before.set(identity);
    }
    let Err(cause) = rename() else { return Ok(()) };
    let may_be_done = attempt > 1
        && matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists)
        && old().is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound);
    match (may_be_done, before.get(), new()) {
        (true, Some(before), Ok(after)) if *before == after => Ok(()),
        _ => Err(cause.into()),
    }
}
