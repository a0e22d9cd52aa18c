use std::fs::File;
#[cfg(unix)]
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// Where room is needed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// At a path, where there may be nothing yet.
    Path(&'a Path),
    /// In an open file that was found there, whatever it is called by now.
    File(&'a File, &'a Path),
}

/// How much room there is, as far as the file system says. More of either is more room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    blocks: u64,
    files: u64,
}

impl Room {
    pub(super) fn is_more_than(self, other: Self) -> bool {
        self.blocks > other.blocks || self.files > other.files
    }
}

impl<'a> Place<'a> {
    pub(super) fn path(self) -> &'a Path {
        match self {
            Self::Path(path) | Self::File(_, path) => path,
        }
    }
}

#[cfg(unix)]
impl Place<'_> {
    /// The number of its device, and the room on it; `None` where files do not share one: a device file for instance.
    pub(super) fn look(self) -> Option<(u64, Room)> {
        use std::os::unix::fs::MetadataExt;

        let (metadata, room) = match self {
            Self::Path(path) => {
                let there = existing(path)?;
                (there.metadata().ok()?, rustix::fs::statvfs(there))
            }
            Self::File(file, _) => (file.metadata().ok()?, rustix::fs::fstatvfs(file)),
        };
        if !has_contents_on_its_device(&metadata) {
            return None;
        }
        let room = room.map(|room| Room { blocks: room.f_bavail, files: room.f_favail });
        Some((metadata.dev(), room.unwrap_or_default()))
    }
}

#[cfg(not(unix))]
impl Place<'_> {
    /// Devices have no numbers here.
    pub(super) fn look(self) -> Option<(u64, Room)> {
        None
    }
}

#[cfg(unix)]
fn has_contents_on_its_device(metadata: &Metadata) -> bool {
    metadata.is_file() || metadata.is_dir()
}

/// The next of a path and those above it where something is.
#[cfg(unix)]
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors()
        .map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above })
        .find(|above| above.exists())
}

/// Where the device is mounted that holds `path`; the path itself where that does not show.
#[cfg(unix)]
pub(super) fn mount_of(path: &Path, number: u64) -> PathBuf {
    use std::os::unix::fs::MetadataExt;

    let there = existing(path).and_then(|there| there.canonicalize().ok());
    let is_on_it = |above: &&Path| above.metadata().is_ok_and(|metadata| metadata.dev() == number);
    let mount = there.as_ref().and_then(|there| there.ancestors().take_while(is_on_it).last());
    mount.unwrap_or(path).to_owned()
}

#[cfg(not(unix))]
pub(super) fn mount_of(path: &Path, _: u64) -> PathBuf {
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_of_either_is_more_room() {
        let room = |blocks, files| Room { blocks, files };
        assert!(room(1, 0).is_more_than(room(0, 9)));
        assert!(room(0, 10).is_more_than(room(9, 9)));
        assert!(!room(9, 9).is_more_than(room(9, 9)));
        assert!(!room(8, 9).is_more_than(room(9, 9)));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_there_yet_is_on_the_device_of_what_is_above_it() {
        let directory = tempfile::tempdir().unwrap();
        let there = Place::Path(directory.path()).look().unwrap();
        let not_there = directory.path().join("not/there");
        assert_eq!(Place::Path(&not_there).look().unwrap().0, there.0);
        assert!(directory.path().canonicalize().unwrap().starts_with(mount_of(&not_there, there.0)));
        assert_eq!(Place::Path(Path::new("not/there")).look(), Place::Path(Path::new(".")).look());
        assert_eq!(mount_of(&not_there, there.0 + 1), not_there);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_file_shares_its_device_with_nobody() {
        assert_eq!(Place::Path(Path::new("/dev/full")).look(), None);
    }
}
