use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::signals::{Hint, Pending, Signals};
use super::snapshot::{Changes, Snapshot, Stamp};
use super::source::Source;
use super::{Change, ChangeKind};
use crate::EntryKind;
use crate::descriptors::{is_shortage, patiently};
use crate::engine::Abandoned;
use crate::fault::Fault;

/// How much may be watched, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) polls: bool,
    pub(super) most_entries: usize,
    pub(super) most_watches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { polls: false, most_entries: 1_000_000, most_watches: usize::MAX }
    }
}

/// Compares what is there with what was there. All of it blocks.
pub(super) struct Scanner {
    root: PathBuf,
    limits: Limits,
    snapshot: Snapshot,
    /// `None` if nobody tells of changes.
    source: Option<Source>,
    signals: Arc<Signals>,
    /// Directories of which nobody tells.
    unwatched: BTreeSet<PathBuf>,
}

impl Scanner {
    /// Begins to watch a tree, with all that is in it by now.
    pub(super) fn begin(root: &Path, limits: Limits, abandoned: &Abandoned) -> Result<Self, Fault> {
        if !fs::metadata(root)?.is_dir() {
            return Err(Fault::invalid("not a directory: watch the directory that the file is in"));
        }
        let signals = Arc::new(Signals::default());
        let source = if limits.polls {
            None
        } else {
            Some(Source::new(root, Arc::clone(&signals), limits.most_watches)?)
        };
        let (snapshot, unwatched) = (Snapshot::default(), BTreeSet::new());
        let mut this = Self { root: root.to_owned(), limits, snapshot, source, signals, unwatched };
        this.look_everywhere(&mut Changes::default(), &|| abandoned.is_set())?;
        Ok(this)
    }

    pub(super) fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }

    /// Whether there is something that nobody tells of.
    pub(super) fn has_to_look(&self) -> bool {
        self.limits.polls || !self.unwatched.is_empty() || !self.snapshot.knows(&self.root)
    }

    pub(super) fn unwatched(&self) -> usize {
        self.unwatched.len()
    }

    /// What has changed, looking where changes were told of and where nobody tells of them.
    pub(super) fn look(
        &mut self,
        pending: Pending,
        given_up: &dyn Fn() -> bool,
    ) -> Result<Vec<Change>, Fault> {
        let mut changes = Changes::default();
        if pending.overflowed || self.limits.polls || !self.snapshot.knows(&self.root) {
            self.look_everywhere(&mut changes, given_up)?;
        } else {
            // What is gone first: a directory that was renamed is watched by its old name until then.
            let mut paths: Vec<(PathBuf, Hint)> = pending.paths.into_iter().collect();
            paths.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            paths.retain(|(path, _)| !self.is_gone(path, &mut changes));
            let mut into = Vec::new();
            for (path, hint) in paths {
                self.look_at(&path, hint, &mut changes, &mut into);
            }
            // One that was made anew has lost its watch, and so has all below it, though it may look the same.
            self.look_into(into, true, &mut changes, given_up)?;
            let unwatched = self.unwatched.iter().cloned().collect();
            self.look_into(unwatched, false, &mut changes, given_up)?;
        }
        Ok(changes.into_sorted())
    }

    fn look_everywhere(&mut self, changes: &mut Changes, given_up: &dyn Fn() -> bool) -> Result<(), Fault> {
        self.look_into(vec![self.root.clone()], true, changes, given_up)
    }

    /// Takes in that a path is gone, if it is.
    fn is_gone(&mut self, path: &Path, changes: &mut Changes) -> bool {
        let gone = matches!(fs::symlink_metadata(path), Err(cause) if is_missing(&cause));
        if gone {
            if path == self.root {
                let removed = self.snapshot.remove_directory(path.to_owned(), changes);
                self.unwatch(removed);
            } else if let (Some(directory), Some(name)) = (path.parent(), path.file_name()) {
                self.remove(directory, name, changes);
            }
        }
        gone
    }

    /// Takes in what has become of a path. A directory that is to be looked into goes `into`.
    fn look_at(&mut self, path: &Path, hint: Hint, changes: &mut Changes, into: &mut Vec<PathBuf>) {
        if path == self.root {
            into.push(path.to_owned());
            return;
        }
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return };
        // In a directory that is not known yet: looking into that one will find it.
        if !self.snapshot.knows(directory) {
            return;
        }
        let Ok(metadata) = fs::symlink_metadata(path) else { return };
        let stamp = Stamp::of(&metadata);
        self.take_in(directory, name, stamp, hint.written, changes);
        if stamp.kind == EntryKind::Directory && (hint.renewed || !self.snapshot.knows(path)) {
            into.push(path.to_owned());
        }
    }

    /// Compares one entry with what it was.
    fn take_in(&mut self, directory: &Path, name: &OsStr, now: Stamp, written: bool, changes: &mut Changes) {
        let before = self.snapshot.stamp(directory, name);
        let kind = match before {
            None => ChangeKind::Created,
            Some(before) if before != now => {
                if before.kind == EntryKind::Directory {
                    // Another one by the same name.
                    self.remove(directory, name, changes);
                    ChangeKind::Created
                } else {
                    ChangeKind::Modified
                }
            }
            // Written so soon after it was looked at that the time is the same.
            Some(_) if written && now.kind == EntryKind::File => ChangeKind::Modified,
            Some(_) => return,
        };
        self.snapshot.put(directory, name, now);
        changes.add(directory.join(name), kind, now.kind);
    }

    /// Watches directories, then lists them: what is put into them meanwhile is told or listed. Goes into those that are
    /// new, or into all.
    fn look_into(
        &mut self,
        mut directories: Vec<PathBuf>,
        all: bool,
        changes: &mut Changes,
        given_up: &dyn Fn() -> bool,
    ) -> Result<(), Fault> {
        while let Some(directory) = directories.pop() {
            if given_up() {
                return Err(Fault::abandoned());
            }
            match self.list(&directory, all, changes, given_up) {
                Ok(below) => directories.extend(below),
                // Gone meanwhile; so is what was in it.
                Err(cause) if is_missing(&cause) => {
                    let removed = self.snapshot.remove_directory(directory, changes);
                    self.unwatch(removed);
                }
                // Without the right to read it there is nothing to be known of it, until that changes.
                Err(cause) if directory != self.root && !is_shortage(&cause) => {}
                Err(cause) => return Err(cause.into()),
            }
            if self.snapshot.entries() > self.limits.most_entries {
                let most = self.limits.most_entries;
                return Err(Fault::invalid(format!("more than {most} entries to watch: raise the limit")));
            }
        }
        Ok(())
    }

    /// Watches and lists one directory; answers those in it to look into.
    fn list(
        &mut self,
        directory: &Path,
        all: bool,
        changes: &mut Changes,
        given_up: &dyn Fn() -> bool,
    ) -> io::Result<Vec<PathBuf>> {
        let is_root = directory == self.root;
        let metadata = if is_root { fs::metadata(directory)? } else { fs::symlink_metadata(directory)? };
        if !metadata.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        self.snapshot.add_directory(directory);
        let is_watched = match &mut self.source {
            Some(source) => source.watch(directory, Stamp::of(&metadata).identity),
            // Looked at with everything.
            None => true,
        };
        if is_watched {
            self.unwatched.remove(directory);
        } else {
            self.unwatched.insert(directory.to_owned());
        }

        let mut below = Vec::new();
        let mut missing: BTreeSet<_> = self.snapshot.names(directory).into_iter().collect();
        let mut there = Vec::new();
        for entry in patiently(given_up, || fs::read_dir(directory))? {
            let name = entry?.file_name();
            missing.remove(&name);
            there.push(name);
        }
        // What is gone first, as for single paths.
        for name in missing {
            self.remove(directory, &name, changes);
        }
        for name in there {
            let path = directory.join(&name);
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                self.remove(directory, &name, changes);
                continue;
            };
            let stamp = Stamp::of(&metadata);
            self.take_in(directory, &name, stamp, false, changes);
            if stamp.kind == EntryKind::Directory && (all || !self.snapshot.knows(&path)) {
                below.push(path);
            }
        }
        Ok(below)
    }

    fn remove(&mut self, directory: &Path, name: &OsStr, changes: &mut Changes) {
        let removed = self.snapshot.remove(directory, name, changes);
        self.unwatch(removed);
    }

    fn unwatch(&mut self, directories: Vec<PathBuf>) {
        for directory in directories {
            self.unwatched.remove(&directory);
            if let Some(source) = &mut self.source {
                source.unwatch(&directory);
            }
        }
    }
}

fn is_missing(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
