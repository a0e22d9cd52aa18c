use std::num::NonZeroUsize;

use crate::{Durability, Progress};

/// How a tree is copied or removed.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `parallel` | 4 | how much of it is done at a time |
/// | `resume` | `false` | copying: leaves out files whose copy has the size and the time of change of the source already |
/// | `durability` | [`Durability::None`] | copying: what of each file outlives a power failure |
/// | `progress` | a new one | counts bytes, files and directories as they are done |
#[derive(Clone, Debug)]
pub struct TreeOptions {
    /// How much of it is done at a time.
    pub parallel: NonZeroUsize,
    /// Copying: leaves out files whose copy has the size and the time of change of the source already.
    pub resume: bool,
    /// Copying: what of each file outlives a power failure.
    pub durability: Durability,
    /// Counts bytes, files and directories as they are done.
    pub progress: Progress,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self {
            parallel: const { NonZeroUsize::new(4).unwrap() },
            resume: false,
            durability: Durability::None,
            progress: Progress::new(),
        }
    }
}
