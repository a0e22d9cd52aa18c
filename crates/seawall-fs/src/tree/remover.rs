use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;
use seawall_core::Error;

use super::TreeReport;
use crate::at::At;
use crate::descriptors::patiently;
use crate::engine::Abandoned;
use crate::fault::{Fault, Label};
use crate::ground::Ground;
use crate::walk::{Buffer, DirectoryReader};
use crate::{EntryKind, Progress};

/// So many directories on the way down are open at a time; those above are found again from below.
const OPEN: usize = 64;
/// What is put into a directory while it is emptied is removed too, so often; then it is somebody's who goes on.
const ROUNDS: usize = 3;

/// The removal of a tree: its root, and the directories in it that nobody has begun to remove.
pub(super) struct Removal {
    label: Label,
    progress: Progress,
    at: At,
    root: DirectoryReader,
    places: Mutex<Vec<OsString>>,
}

/// A directory on the way down, from the root's children on.
struct Level {
    name: OsString,
    identity: (u64, u64),
    /// `None` while it is far above.
    reader: Option<DirectoryReader>,
    below: Vec<OsString>,
    rounds: usize,
}

impl Removal {
    /// Removes all that is directly in the root and no directory.
    pub(super) fn begin(
        ground: &Ground,
        path: &Path,
        label: &Label,
        progress: Progress,
        abandoned: &Abandoned,
    ) -> Result<(Self, TreeReport), Fault> {
        let at = ground.at(path)?;
        let root = ground.directory(path, false).map_err(|fault| {
            let is_link = ground.symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
            if is_link {
                Fault::invalid("a symbolic link and no directory: `remove` removes it")
            } else {
                fault.changed_nothing()
            }
        })?;
        let mut this = Self { label: label.clone(), progress, at, root, places: Mutex::new(Vec::new()) };
        let mut report = TreeReport::default();
        let below = this.empty(&this.root, &[], abandoned, &mut report)?;
        this.places = Mutex::new(below);
        Ok((this, report))
    }

    pub(super) fn places(&self) -> usize {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Removes one directory of the root after the other, until none is left.
    pub(super) fn visit(&self, abandoned: &Abandoned) -> Result<TreeReport, Fault> {
        let mut report = TreeReport::default();
        loop {
            let place = self.places.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(name) = place else { return Ok(report) };
            self.remove(name, abandoned, &mut report)?;
        }
    }

    /// Removes the root itself, empty by now.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        match self.at.remove_dir() {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
            result => Ok(result?),
        }
    }

    /// Removes a directory of the root with all that is in it.
    fn remove(&self, name: OsString, abandoned: &Abandoned, report: &mut TreeReport) -> Result<(), Fault> {
        let mut levels = Vec::new();
        self.descend(name, &mut levels, abandoned, report)?;
        while let Some(level) = levels.last_mut() {
            if let Some(name) = level.below.pop() {
                self.descend(name, &mut levels, abandoned, report)?;
                continue;
            }
            self.ascend(&mut levels, abandoned, report)?;
        }
        Ok(())
    }

    fn descend(
        &self,
        name: OsString,
        levels: &mut Vec<Level>,
        abandoned: &Abandoned,
        report: &mut TreeReport,
    ) -> Result<(), Fault> {
        let parent = levels.last().map_or(&self.root, Level::reader);
        let opened = patiently(&|| abandoned.is_set(), || DirectoryReader::open_at(parent, &name, false))
            .and_then(|reader| reader.identity().map(|identity| (reader, identity)));
        let (reader, identity) = match opened {
            Ok(opened) => opened,
            Err(cause) => {
                self.fail(levels, Some(&name), cause, report);
                return Ok(());
            }
        };
        let path: Vec<&OsStr> = levels.iter().map(|level| &*level.name).chain([&*name]).collect();
        let below = self.empty(&reader, &path, abandoned, report)?;
        levels.push(Level { name, identity, reader: Some(reader), below, rounds: 1 });
        if let Some(far) = levels.len().checked_sub(OPEN + 1) {
            levels[far].reader = None;
        }
        Ok(())
    }

    /// Removes the directory last gone into, which is empty, and goes on in the one above it.
    fn ascend(
        &self,
        levels: &mut Vec<Level>,
        abandoned: &Abandoned,
        report: &mut TreeReport,
    ) -> Result<(), Fault> {
        let Some(mut level) = levels.pop() else { return Ok(()) };
        if let Some(above) = levels.last_mut()
            && above.reader.is_none()
        {
            match patiently(&|| abandoned.is_set(), || find_above(level.reader(), above.identity)) {
                Ok(reader) => above.reader = Some(reader),
                Err(cause) => {
                    // Without the way up nothing more of this subtree can be reached safely.
                    self.fail(levels, Some(&level.name), cause, report);
                    levels.clear();
                    return Ok(());
                }
            }
        }
        let parent = levels.last().map_or(&self.root, Level::reader);
        match unlinkat(parent, &*level.name, AtFlags::REMOVEDIR) {
            Ok(()) => {
                report.directories += 1;
                self.progress.add_directory();
            }
            Err(Errno::NOENT) => {}
            Err(Errno::NOTEMPTY | Errno::EXIST) if level.rounds < ROUNDS => {
                let path: Vec<&OsStr> =
                    levels.iter().map(|level| &*level.name).chain([&*level.name]).collect();
                // Read from its beginning once more, so with a reader of its own.
                let open = || DirectoryReader::open_at(level.reader(), OsStr::new("."), false);
                match patiently(&|| abandoned.is_set(), open) {
                    Ok(reader) => {
                        level.below = self.empty(&reader, &path, abandoned, report)?;
                        level.reader = Some(reader);
                        level.rounds += 1;
                        levels.push(level);
                    }
                    Err(cause) => self.fail(levels, Some(&level.name), cause, report),
                }
            }
            Err(cause) => self.fail(levels, Some(&level.name), cause.into(), report),
        }
        Ok(())
    }

    /// Removes all in a directory that is no directory, and answers the directories.
    fn empty(
        &self,
        reader: &DirectoryReader,
        path: &[&OsStr],
        abandoned: &Abandoned,
        report: &mut TreeReport,
    ) -> Result<Vec<OsString>, Fault> {
        let mut buffer = Buffer::new();
        let mut below = Vec::new();
        loop {
            let more = reader.read(&mut buffer, |name, kind| {
                if abandoned.is_set() {
                    return;
                }
                if kind == EntryKind::Directory {
                    below.push(name.to_owned());
                    return;
                }
                match unlinkat(reader, name, AtFlags::empty()) {
                    Ok(()) => {
                        report.files += 1;
                        self.progress.add_file();
                    }
                    Err(Errno::NOENT) => {}
                    // Somebody made it a directory meanwhile.
                    Err(Errno::ISDIR) => below.push(name.to_owned()),
                    Err(cause) => {
                        let names = path.iter().copied().chain([name]);
                        report.fail(self.error(names, cause.into()));
                    }
                }
            });
            if abandoned.is_set() {
                return Err(Fault::abandoned());
            }
            match more {
                Ok(true) => {}
                Ok(false) => return Ok(below),
                Err(cause) => {
                    report.fail(self.error(path.iter().copied(), cause));
                    return Ok(below);
                }
            }
        }
    }

    fn fail(&self, levels: &[Level], name: Option<&OsStr>, cause: std::io::Error, report: &mut TreeReport) {
        // Gone already is what was wanted.
        if cause.kind() == std::io::ErrorKind::NotFound {
            return;
        }
        let names = levels.iter().map(|level| &*level.name).chain(name);
        report.fail(self.error(names, cause));
    }

    fn error<'a>(&'a self, names: impl Iterator<Item = &'a OsStr>, cause: std::io::Error) -> Error {
        let path: PathBuf = [self.label.path.as_os_str()].into_iter().chain(names).collect();
        Fault::from(cause).label(&Label { operation: self.label.operation, path: Arc::<Path>::from(path) })
    }
}

impl Level {
    fn reader(&self) -> &DirectoryReader {
        self.reader.as_ref().expect("the innermost levels are open")
    }
}

/// The directory above, if it is still the one that it was: somebody may have moved this one elsewhere.
fn find_above(below: impl AsFd, identity: (u64, u64)) -> std::io::Result<DirectoryReader> {
    let above = DirectoryReader::open_at(below, OsStr::new(".."), false)?;
    if above.identity()? == identity {
        return Ok(above);
    }
    Err(std::io::Error::other("the directory was moved while it was being removed"))
}
