//! All that is in a directory and in those below it.

mod batches;
mod directory_reader;
mod entry;
mod ignore_rules;
mod plan;
mod visit;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use seawall_core::Error;

pub use batches::WalkBatches;
#[cfg(target_os = "linux")]
pub(crate) use directory_reader::Buffer;
pub(crate) use directory_reader::DirectoryReader;
pub use entry::WalkEntry;

use self::plan::Plan;
use crate::Fs;
use crate::ground::Ground;

impl Fs {
    /// Walks a directory and those below it, several at a time. Say what you want of it, then take the entries in
    /// [`batches`](Walk::batches) or one by one.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use futures_util::TryStreamExt;
    /// # use seawall_fs::{EntryKind, Fs, FsConfig};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let fs = Fs::new(&FsConfig::default(), Arc::new(()))?;
    /// # fs.write(directory.path().join("settings.json"), "{}").await?;
    /// let json = fs.walk(directory.path()).gitignore().filter(|entry| {
    ///     entry.kind() == EntryKind::Directory || entry.path().extension().is_some_and(|end| end == "json")
    /// });
    /// let mut entries = json.entries();
    /// while let Some(entry) = entries.try_next().await? {
    ///     println!("{}", entry.path().display());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn walk(&self, root: impl Into<PathBuf>) -> Walk {
        Walk::of(self, Ground::Anywhere, &root.into())
    }
}

/// How to walk a tree; made by [`Fs::walk`](crate::Fs::walk).
///
/// The root itself is not an entry; what is directly in it has depth 1. Entries come in no order unless
/// [`sorted`](Self::sorted), but always all of them, hidden ones too unless [`skip_hidden`](Self::skip_hidden).
/// Symbolic links are entries and are not followed unless [`follow_symlinks`](Self::follow_symlinks).
pub struct Walk {
    client: Fs,
    ground: Ground,
    root: PathBuf,
    plan: Plan,
}

impl Walk {
    pub(crate) fn of(client: &Fs, ground: Ground, root: &Path) -> Self {
        Self { client: client.clone(), ground, root: root.to_owned(), plan: Plan::default() }
    }

    /// Goes so many levels deep and no deeper; 1 is only what is directly in the root.
    pub fn depth(mut self, most: NonZeroUsize) -> Self {
        self.plan.depth = most.get();
        self
    }

    /// Goes into directories that symbolic links point to; such an entry is told as what it points to. A link that
    /// leads back to a directory above it is an error among the entries and is not followed, so that the walk ends.
    /// What several links point to is told several times.
    pub fn follow_symlinks(mut self) -> Self {
        self.plan.follows = true;
        self
    }

    /// Leaves out files whose name begins with a dot, and does not go into such directories.
    pub fn skip_hidden(self) -> Self {
        self.filter(|entry| entry.file_name().as_encoded_bytes().first() != Some(&b'.'))
    }

    /// Leaves out what the `.gitignore` files of the tree, and `.git/info/exclude` beside them, say, and `.git` itself.
    ///
    /// It need not be a repository. Rules of directories above the root and of the user's own configuration do not
    /// count, so that the same tree gives the same entries everywhere. Hidden files are not left out for being hidden.
    pub fn gitignore(mut self) -> Self {
        self.plan.gitignore = true;
        self
    }

    /// Leaves out entries for which `keep` says no, and does not go into such directories. It runs on the threads that
    /// walk: it must not block. A second filter is asked after the first.
    pub fn filter(mut self, keep: impl Fn(&WalkEntry) -> bool + Send + Sync + 'static) -> Self {
        self.plan.filters.push(Arc::new(keep));
        self
    }

    /// In the order of names, each directory before what is in it. It walks one directory at a time then and keeps the
    /// names of the directories on the way to it in memory.
    pub fn sorted(mut self) -> Self {
        self.plan.sorted = true;
        self
    }

    /// So many directories at a time; 4 unless said.
    pub fn parallel(mut self, most: NonZeroUsize) -> Self {
        self.plan.parallel = most;
        self
    }

    /// The entries, up to 512 at a time. This is the fast way.
    pub fn batches(self) -> WalkBatches {
        WalkBatches::new(&self.client, self.ground, &self.root, self.plan)
    }

    /// The entries one by one. What cannot be read is an error among them, and the walk goes on.
    ///
    /// # Cancel safety
    /// Dropping a wait for the next entry loses none. Dropping the stream ends the walk.
    pub fn entries(self) -> impl Stream<Item = Result<WalkEntry, Error>> + Send + Unpin {
        self.batches().flat_map(stream::iter)
    }
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("root", &self.root).field("plan", &self.plan).finish_non_exhaustive()
    }
}
