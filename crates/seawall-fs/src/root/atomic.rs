use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bytes::Bytes;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use seawall_core::Error;

use super::Root;
use super::base::{Base, Place};
use crate::Operation;
use crate::fault::Fault;
use crate::work::Task;

impl Root {
    /// [`Fs::write_atomic`](crate::Fs::write_atomic), of a file that no symbolic link stands for.
    ///
    /// # Errors
    /// As there, and when the path leads out of the root or a symbolic link is at its end.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn write_atomic(&self, path: impl AsRef<Path>, content: impl Into<Bytes>) -> Result<(), Error> {
        let content = content.into();
        let bytes = content.len() as u64;
        let work = move |base: &Base, path: &Path, task: &Task<'_>| write(&base.place(path)?, &content, task);
        let request = self.request(Operation::WriteAtomic, path.as_ref(), work).of_bytes(bytes);
        self.fs.ask(request).await
    }
}

fn write(place: &Place, content: &[u8], task: &Task<'_>) -> Result<(), Fault> {
    let permissions = permissions_to_keep(place)?;
    let temporary = Temporary::beside(place, permissions.is_some())?;
    let mut file = &temporary.file;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions).map_err(before_anything)?;
    }
    file.write_all(content).map_err(before_anything)?;
    file.sync_data().map_err(|cause| Fault::sync(cause).changed_nothing())?;
    {
        let _passage = task.engine.gate().enter(&task.label.path);
        if task.abandoned.is_set() {
            return Err(Fault::abandoned());
        }
        temporary.put(place).map_err(|cause| before_anything(cause.into()))?;
    }
    // The descriptor that the path was found by cannot be synced; the directory opened by it can.
    let directory =
        openat(&place.directory, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    match directory.and_then(rustix::fs::fsync) {
        Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
        Err(cause) => Err(Fault::directory_sync(cause.into())),
    }
}

/// The mode of the file that is there, `None` if there is none.
fn permissions_to_keep(place: &Place) -> Result<Option<Permissions>, Fault> {
    let (directory, name) = place.at();
    let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(cause) => return Err(before_anything(cause.into())),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        // Without set-user-id and set-group-id: the new file belongs to this process, not to the old owner.
        FileType::RegularFile => Ok(Some(Permissions::from_mode(stat.st_mode & 0o777))),
        FileType::Symlink => Err(Fault::invalid("a symbolic link: within a root, name the file itself")),
        _ => Err(Fault::invalid("not a regular file: it cannot be replaced")),
    }
}

fn before_anything(cause: io::Error) -> Fault {
    Fault::from(cause).changed_nothing()
}

/// A file beside the target, removed when dropped unless it was put in its place.
struct Temporary<'a> {
    place: &'a Place,
    name: String,
    file: File,
    placed: std::cell::Cell<bool>,
}

impl<'a> Temporary<'a> {
    fn beside(place: &'a Place, private: bool) -> Result<Self, Fault> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if private { 0o600 } else { 0o666 });
        loop {
            let name = format!(".seawall-{:016x}.tmp", fastrand::u64(..));
            match openat(&place.directory, &name, flags, mode) {
                Ok(file) => {
                    return Ok(Self { place, name, file: File::from(file), placed: false.into() });
                }
                Err(Errno::EXIST) => {}
                Err(cause) => return Err(before_anything(cause.into())),
            }
        }
    }

    fn put(&self, place: &Place) -> Result<(), Errno> {
        renameat(&place.directory, &self.name, &place.directory, &place.name)?;
        self.placed.set(true);
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.placed.get() {
            // It has nothing that anybody wants.
            let _best_effort = unlinkat(&self.place.directory, &self.name, AtFlags::empty());
        }
    }
}
