use std::path::PathBuf;

use crate::EntryKind;

/// What has changed since the batch before.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WatchBatch {
    /// The changes, each path once, sorted by path. At most 1024; further ones are in the next batch.
    pub changes: Vec<Change>,
    /// Whether more changed than could be told one by one, so that everything was looked at anew. The changes are right
    /// all the same: they lead from what was told before to what is there. But what came and went between is not among
    /// them.
    pub overflowed: bool,
    /// How many directories are only looked at from time to time, because the system watches no more.
    pub unwatched: usize,
}

/// What has become of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Where it is, or was.
    pub path: PathBuf,
    /// What has become of it.
    pub kind: ChangeKind,
    /// What it is, or was. A symbolic link is not followed.
    pub entry: EntryKind,
}

/// What has become of a path. A renamed file is removed at one path and created at the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It is there now.
    Created,
    /// It is another file, or its content has changed (its length, or the time of its last change). A directory is only
    /// told as modified if it was something else before; a change of mode or owner is not told.
    Modified,
    /// It is there no more.
    Removed,
}
