use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::WalkEntry;

pub(super) type Filter = Arc<dyn Fn(&WalkEntry) -> bool + Send + Sync>;

/// What is wanted of a walk.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) depth: usize,
    pub(super) follows: bool,
    pub(super) gitignore: bool,
    pub(super) sorted: bool,
    pub(super) parallel: NonZeroUsize,
    pub(super) filters: Vec<Filter>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            depth: usize::MAX,
            follows: false,
            gitignore: false,
            sorted: false,
            parallel: const { NonZeroUsize::new(4).unwrap() },
            filters: Vec::new(),
        }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("depth", &self.depth)
            .field("follows", &self.follows)
            .field("gitignore", &self.gitignore)
            .field("sorted", &self.sorted)
            .field("parallel", &self.parallel)
            .field("filters", &self.filters.len())
            .finish()
    }
}
