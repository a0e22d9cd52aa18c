//! Learning what changes in a directory and those below it.
//!
//! What the system tells of changes is taken as a hint of where to look, never as the truth: it may tell too little (in
//! a directory made a moment ago, after its queue ran over) or nothing at all. The truth is a comparison of what is
//! there with what was there.

mod change;
mod scan;
mod signals;
mod snapshot;
mod source;
mod task;

use std::path::PathBuf;
use std::time::Duration;

use seawall_core::{CallContext, Error};

pub use change::{Change, ChangeKind, WatchBatch};
pub use task::Watching;

use self::scan::{Limits, Scanner};
use crate::engine::Engine;
use crate::fault::Label;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Watches a directory and those below it. Say what you want of it, then [`start`](Watch::start).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use futures_util::TryStreamExt;
    /// # use seawall_fs::{ChangeKind, Fs, FsConfig};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let fs = Fs::new(&FsConfig::default(), Arc::new(()))?;
    /// let mut watching = fs.watch(directory.path()).start().await?;
    /// fs.create_dir_all(directory.path().join("new/folder")).await?;
    /// fs.write(directory.path().join("new/folder/file"), "content").await?;
    /// let mut paths = Vec::new();
    /// while paths.len() < 3
    ///     && let Some(batch) = watching.try_next().await?
    /// {
    ///     paths.extend(batch.changes.into_iter().filter(|change| change.kind == ChangeKind::Created));
    /// }
    /// # Ok(()) }
    /// ```
    pub fn watch(&self, root: impl Into<PathBuf>) -> Watch {
        Watch {
            client: self.clone(),
            root: root.into(),
            limits: Limits::default(),
            rhythm: Rhythm::default(),
        }
    }
}

/// How to watch a tree; made by [`Fs::watch`](crate::Fs::watch).
///
/// | what | default |
/// |---|---|
/// | [`debounce`](Self::debounce) | 50 ms |
/// | [`polling`](Self::polling) | off: the system tells of changes |
/// | [`most_entries`](Self::most_entries) | 1 000 000 |
/// | [`most_watches`](Self::most_watches) | as many as the system allows |
#[derive(Debug)]
pub struct Watch {
    client: Fs,
    root: PathBuf,
    limits: Limits,
    rhythm: Rhythm,
}

/// When to look.
#[derive(Clone, Copy, Debug)]
struct Rhythm {
    debounce: Duration,
    /// How often to look where the system tells nothing.
    every: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { debounce: Duration::from_millis(50), every: Duration::from_secs(2) }
    }
}

impl Watch {
    /// Gathers changes for so long after the first one; several of one path are one then.
    pub fn debounce(mut self, window: Duration) -> Self {
        self.rhythm.debounce = window;
        self
    }

    /// Looks for changes every so often and does not ask the system to tell of them. For file systems whose changes it
    /// does not hear of: those of other machines (NFS, SMB), and some made by programs (FUSE).
    pub fn polling(mut self, every: Duration) -> Self {
        self.limits.polls = true;
        self.rhythm.every = every;
        self
    }

    /// Watches at most so many entries, which are kept in memory (about 200 bytes each). With more, the watch ends with
    /// an error.
    pub fn most_entries(mut self, most: usize) -> Self {
        self.limits.most_entries = most;
        self
    }

    /// Has the system watch at most so many directories; the others are looked at every 2 s. So are those for which the
    /// system has no watch left (`fs.inotify.max_user_watches`).
    pub fn most_watches(mut self, most: usize) -> Self {
        self.limits.most_watches = most;
        self
    }

    /// Begins to watch: every change after this has returned will be told.
    ///
    /// # Errors
    /// When the root is not a directory, cannot be read or has too many entries.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn start(self) -> Result<Watching, Error> {
        let Self { client, root, limits, rhythm } = self;
        let begin = move |task: &Task<'_>| {
            let scanner = Scanner::begin(&task.label.path, limits, task.abandoned)?;
            Ok((task.engine.clone(), task.label.clone(), scanner))
        };
        let request = FsRequest::new(Operation::Watch, &root, begin);
        let (engine, label, scanner): (Engine, Label, Scanner) = client.ask(request).await?;
        // It outlives the call that began it.
        Ok(CallContext::default().enter(|| Watching::new(engine, label, scanner, rhythm)))
    }
}
