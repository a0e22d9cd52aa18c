use std::ffi::OsStr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seawall_core::Error;

use super::WalkEntry;
use super::directory_reader::{Buffer, DirectoryReader};
use super::ignore_rules::IgnoreRules;
use super::plan::Plan;
use crate::EntryKind;
use crate::descriptors::patiently;
use crate::engine::Abandoned;
use crate::fault::{Fault, Label};
use crate::ground::Ground;

/// A visit to a thread ends when it has found about so many entries.
const ENTRIES: usize = 2048;
/// With so many directories to be visited, those found are visited before more are looked for.
const DIRECTORIES: usize = 4096;

pub(super) type Found = Vec<Result<WalkEntry, Error>>;

/// What the visits of one walk share.
#[derive(Debug)]
pub(super) struct Walking {
    ground: Ground,
    plan: Plan,
    label: Label,
    /// What is still to be visited, the next one last: so the walk goes into the depth, and little has to wait here.
    places: Mutex<Vec<Place>>,
    /// So many more visits could be under way.
    pub(super) idle: AtomicUsize,
}

#[derive(Debug)]
enum Place {
    Directory(Directory),
    /// An entry of a sorted walk whose turn comes later.
    Entry(WalkEntry, Option<Directory>),
}

#[derive(Debug)]
struct Directory {
    path: Arc<Path>,
    depth: usize,
    /// Open if it was read in part.
    open: Option<Open>,
    /// The directories above, if links are followed.
    above: Option<Arc<Ancestor>>,
    rules: Option<Arc<IgnoreRules>>,
}

#[derive(Debug)]
struct Open {
    reader: DirectoryReader,
    here: Option<Arc<Ancestor>>,
}

#[cfg(target_os = "linux")]
type Identity = (u64, u64);
#[cfg(not(target_os = "linux"))]
type Identity = std::path::PathBuf;

#[derive(Debug)]
struct Ancestor {
    identity: Identity,
    above: Option<Arc<Ancestor>>,
}

impl Walking {
    pub(super) fn new(ground: Ground, root: &Path, plan: Plan, label: Label) -> Self {
        let root = Directory { path: Arc::from(root), depth: 0, open: None, above: None, rules: None };
        let places = Mutex::new(vec![Place::Directory(root)]);
        Self { ground, plan, label, places, idle: AtomicUsize::new(0) }
    }

    /// How many more visits there is something to do for.
    pub(super) fn places(&self) -> usize {
        self.lock().len()
    }

    /// How many visits there may be at a time.
    pub(super) fn most_visits(&self) -> usize {
        // What is in order is found one after the other.
        if self.plan.sorted { 1 } else { self.plan.parallel.get() }
    }

    /// Visits places until it has found a good number of entries, or others have nothing to do.
    pub(super) fn visit(&self, abandoned: &Abandoned) -> Found {
        let mut found = Vec::with_capacity(ENTRIES);
        let mut buffer = Buffer::new();
        while found.len() < ENTRIES && !abandoned.is_set() {
            let Some(place) = self.lock().pop() else { break };
            match place {
                Place::Directory(directory) => self.read(directory, &mut buffer, &mut found, abandoned),
                Place::Entry(entry, directory) => {
                    found.push(Ok(entry));
                    if let Some(directory) = directory {
                        self.read(directory, &mut buffer, &mut found, abandoned);
                    }
                }
            }
            if self.idle.load(Ordering::Relaxed) > 0 && self.lock().len() > 1 {
                break;
            }
        }
        found
    }

    fn read(&self, mut directory: Directory, buffer: &mut Buffer, found: &mut Found, abandoned: &Abandoned) {
        let opened = match directory.open.take() {
            Some(open) => Ok(open),
            None => self.open(&mut directory, found, abandoned),
        };
        let open = match opened {
            Ok(open) => open,
            Err(fault) => return found.push(Err(self.error(fault, &directory.path))),
        };
        let mut below = Vec::new();
        let mut entries = Vec::new();
        loop {
            let more = open.reader.read(buffer, |name, kind| {
                if let Some((entry, inside)) = self.entry(&directory, &open, name, kind) {
                    if self.plan.sorted {
                        entries.push((entry, inside));
                    } else {
                        found.push(Ok(entry));
                        below.extend(inside);
                    }
                }
            });
            match more {
                Ok(false) => break,
                Ok(true) if self.plan.sorted => {}
                Ok(true) if found.len() >= ENTRIES || below.len() >= DIRECTORIES => {
                    directory.open = Some(open);
                    let mut places = self.lock();
                    places.push(Place::Directory(directory));
                    places.extend(below.into_iter().map(Place::Directory));
                    return;
                }
                Ok(true) => {}
                Err(cause) => {
                    found.push(Err(self.error(cause.into(), &directory.path)));
                    break;
                }
            }
        }
        entries.sort_unstable_by(|(one, _), (other, _)| other.name.cmp(&one.name));
        let mut places = self.lock();
        places.extend(entries.into_iter().map(|(entry, inside)| Place::Entry(entry, inside)));
        places.extend(below.into_iter().map(Place::Directory));
    }

    fn open(
        &self,
        directory: &mut Directory,
        found: &mut Found,
        abandoned: &Abandoned,
    ) -> Result<Open, Fault> {
        // What the root means is the caller's business: it may be a link.
        let follows = self.plan.follows || directory.depth == 0;
        let reader = patiently(&|| abandoned.is_set(), || self.ground.directory(&directory.path, follows))?;
        let here = if self.plan.follows { Some(place_of(&reader, directory)?) } else { None };
        if self.plan.gitignore {
            let (rules, problem) =
                IgnoreRules::of(&self.ground, &directory.path, directory.rules.as_ref(), abandoned);
            directory.rules = rules;
            if let Some(fault) = problem {
                found.push(Err(self.error(fault, &directory.path)));
            }
        }
        Ok(Open { reader, here })
    }

    /// The entry if it is wanted, and the directory that it is, if that is to be visited.
    fn entry(
        &self,
        directory: &Directory,
        open: &Open,
        name: &OsStr,
        kind: EntryKind,
    ) -> Option<(WalkEntry, Option<Directory>)> {
        let is_symlink = kind == EntryKind::Symlink;
        let kind = if is_symlink && self.plan.follows {
            // A link to nothing stays a link.
            self.ground.kind_behind(&open.reader, &directory.path, name).unwrap_or(kind)
        } else {
            kind
        };
        let is_directory = kind == EntryKind::Directory;
        if self.plan.gitignore {
            if name == ".git" {
                return None;
            }
            if let Some(rules) = &directory.rules
                && rules.ignores(&directory.path.join(name), is_directory)
            {
                return None;
            }
        }
        let entry = WalkEntry {
            directory: Arc::clone(&directory.path),
            name: Box::from(name),
            kind,
            is_symlink,
            depth: directory.depth + 1,
        };
        if !self.plan.filters.iter().all(|keep| keep(&entry)) {
            return None;
        }
        let inside = (is_directory && entry.depth < self.plan.depth).then(|| Directory {
            path: Arc::from(directory.path.join(name)),
            depth: entry.depth,
            open: None,
            above: open.here.clone(),
            rules: directory.rules.clone(),
        });
        Some((entry, inside))
    }

    fn error(&self, fault: Fault, path: &Path) -> Error {
        fault.label(&Label { operation: self.label.operation, path: Arc::from(self.ground.told(path)) })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a directory is among those above it; fails if it is one of them.
fn place_of(reader: &DirectoryReader, directory: &Directory) -> Result<Arc<Ancestor>, Fault> {
    let identity = reader.identity()?;
    let mut above = directory.above.as_ref();
    while let Some(ancestor) = above {
        if ancestor.identity == identity {
            return Err(Fault::invalid("a symbolic link that leads back to a directory above it"));
        }
        above = ancestor.above.as_ref();
    }
    Ok(Arc::new(Ancestor { identity, above: directory.above.clone() }))
}
