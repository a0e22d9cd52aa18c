use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{Config, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::signals::{Listener, Signals};
use super::snapshot::Identity;
use crate::fault::Fault;

/// What the system watches for us.
pub(super) struct Source {
    watcher: RecommendedWatcher,
    /// The directories that are watched, and the other way round: a directory that was renamed is still watched, under
    /// its old name.
    paths: HashMap<PathBuf, Identity>,
    identities: HashMap<Identity, PathBuf>,
    most: usize,
}

/// Where each directory is watched by itself; elsewhere the root is, with all below it.
const ONE_BY_ONE: bool = cfg!(any(target_os = "linux", target_os = "android"));

impl Source {
    pub(super) fn new(root: &Path, signals: Arc<Signals>, most: usize) -> Result<Self, Fault> {
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(Listener(signals), config).map_err(fault)?;
        if !ONE_BY_ONE {
            watcher.watch(root, RecursiveMode::Recursive).map_err(fault)?;
        }
        Ok(Self { watcher, paths: HashMap::new(), identities: HashMap::new(), most })
    }

    /// Watches a directory from now on; `false` if that cannot be. Asked again for one that is watched, it makes sure
    /// of it: one that was removed and made again is not the one that was watched.
    pub(super) fn watch(&mut self, directory: &Path, identity: Identity) -> bool {
        if !ONE_BY_ONE {
            return true;
        }
        if let Some(old) = self.identities.get(&identity).filter(|old| *old != directory).cloned() {
            // The same directory under its new name: the system has one watch for both, which goes with the old one.
            self.unwatch(&old);
        }
        if self.paths.len() >= self.most && !self.paths.contains_key(directory) {
            return false;
        }
        if self.watcher.watch(directory, RecursiveMode::NonRecursive).is_err() {
            self.forget(directory);
            return false;
        }
        self.forget(directory);
        self.paths.insert(directory.to_owned(), identity);
        self.identities.insert(identity, directory.to_owned());
        true
    }

    pub(super) fn unwatch(&mut self, directory: &Path) {
        if self.forget(directory) {
            // The system has given the watch up by itself if the directory is gone.
            let _gone = self.watcher.unwatch(directory);
        }
    }

    fn forget(&mut self, directory: &Path) -> bool {
        let Some(identity) = self.paths.remove(directory) else { return false };
        if self.identities.get(&identity).is_some_and(|path| path == directory) {
            self.identities.remove(&identity);
        }
        true
    }
}

fn fault(error: notify::Error) -> Fault {
    match error.kind {
        ErrorKind::Io(cause) => cause.into(),
        _ => Fault::invalid(format!("the system cannot watch: {error}; `polling` does without")),
    }
}
