use serde::{Deserialize, Serialize};

/// How much of a replacement outlives a power failure once it has been reported done.
///
/// Whichever is chosen, every reader sees the old content or the new one, and a process that is killed leaves one of
/// the two: that is the rename's doing, not the sync's. The names are those of configuration files, too. The greater
/// one promises more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Nothing is synced. After a power failure the file may be the old one, the new one, or, on some file systems,
    /// empty. For what can be made again: caches, build results.
    None,
    /// The content is synced before the rename: after a power failure the file is the old one or the new one as a
    /// whole, but which of the two is not promised.
    Data,
    /// The content is synced, and after the rename the directory: after a power failure the file is the new one.
    #[default]
    Full,
}

impl Durability {
    pub(crate) const fn syncs_data(self) -> bool {
        !matches!(self, Self::None)
    }

    pub(crate) const fn syncs_directory(self) -> bool {
        matches!(self, Self::Full)
    }
}
