use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::engine::Abandoned;
use crate::fault::Fault;
use crate::ground::Ground;
use crate::read;

/// A file of more is not one of rules.
const MOST: u64 = 16 * 1024 * 1024;

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
        ground: &Ground,
        directory: &Path,
        above: Option<&Arc<IgnoreRules>>,
        abandoned: &Abandoned,
    ) -> (Option<Arc<Self>>, Option<Fault>) {
        let mut builder = GitignoreBuilder::new(directory);
        let mut problem = None;
        let mut any = false;
        // The later one has the last word, as in git.
        for name in [".git/info/exclude", ".gitignore"] {
            let path = directory.join(name);
            match text_of(ground, &path, abandoned) {
                Ok(Some(text)) => {
                    any = true;
                    for line in text.lines() {
                        let added = builder.add_line(Some(path.clone()), line);
                        problem = added.err().map(|error| nonsense(&error)).or(problem);
                    }
                }
                Ok(None) => {}
                Err(fault) => problem = Some(fault),
            }
        }
        if !any {
            return (above.cloned(), None);
        }
        match builder.build() {
            Ok(own) => (Some(Arc::new(Self { own, above: above.cloned() })), problem),
            Err(problem) => (above.cloned(), Some(nonsense(&problem))),
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

/// The text of a file of rules, `None` where there is no such file.
fn text_of(ground: &Ground, path: &Path, abandoned: &Abandoned) -> Result<Option<String>, Fault> {
    match ground.metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        // Nothing, a directory, or a link that leads nowhere or where nobody may follow.
        _ => return Ok(None),
    }
    let file = match ground.open(path) {
        Err(fault) if fault.is_not_found() => return Ok(None),
        file => file?,
    };
    let text = read::whole(&file, None, MOST, abandoned)?;
    let text = String::from_utf8_lossy(&text);
    // As git does it.
    Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()))
}

fn nonsense(problem: &ignore::Error) -> Fault {
    Fault::invalid(format!("a rule of what to ignore makes no sense: {problem}"))
}
