use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The rules that hold in a directory: those of its own `.gitignore`, then those of the directories above it, up to the
/// root of the walk.
#[derive(Debug)]
pub(super) struct IgnoreRules {
    own: Gitignore,
    above: Option<Arc<IgnoreRules>>,
}

impl IgnoreRules {
    /// Those of `directory`; the same as above if it has none of its own. What is wrong with a line is told, and the
    /// other lines hold.
    pub(super) fn of(
        directory: &Path,
        above: Option<&Arc<IgnoreRules>>,
    ) -> (Option<Arc<Self>>, Option<ignore::Error>) {
        let mut builder = GitignoreBuilder::new(directory);
        let mut problem = None;
        let mut any = false;
        // The later one has the last word, as in git.
        for name in [".git/info/exclude", ".gitignore"] {
            let file = directory.join(name);
            if file.is_file() {
                any = true;
                problem = builder.add(file).or(problem);
            }
        }
        if !any {
            return (above.cloned(), None);
        }
        match builder.build() {
            Ok(own) => (Some(Arc::new(Self { own, above: above.cloned() })), problem),
            Err(problem) => (above.cloned(), Some(problem)),
        }
    }

    /// Whether an entry is left out. The innermost rule that says anything decides.
    pub(super) fn ignores(&self, path: &Path, is_directory: bool) -> bool {
        let mut rules = Some(self);
        while let Some(these) = rules {
            match these.own.matched(path, is_directory) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => rules = these.above.as_deref(),
            }
        }
        false
    }
}
