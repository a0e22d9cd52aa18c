//! A file is named for what it holds, not for being left over.

use super::Violation;
use super::sources::Source;

const SAYING_NOTHING: [&str; 8] =
    ["common", "helper", "helpers", "manager", "misc", "prelude", "util", "utils"];

pub(super) fn check(sources: &[Source]) -> Vec<Violation> {
    sources.iter().filter_map(violation).collect()
}

fn violation(source: &Source) -> Option<Violation> {
    let path = source.path.with_extension("");
    let name = path.iter().filter_map(|part| part.to_str()).find(|part| SAYING_NOTHING.contains(part))?;
    Some(Violation {
        place: source.path.display().to_string(),
        rule: "a file or folder is named for what it holds",
        mend: format!("`{name}` says nothing; name it for its contents or move them where they belong"),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn violations(path: &str) -> usize {
        check(&[Source::new(Path::new(path), "")]).len()
    }

    #[test]
    fn files_and_folders_with_names_that_say_nothing_are_found() {
        assert_eq!(violations("crates/x/src/utils.rs"), 1);
        assert_eq!(violations("crates/x/tests/it/common.rs"), 1);
        assert_eq!(violations("crates/x/src/prelude/mod.rs"), 1);
    }

    #[test]
    fn a_name_that_only_contains_such_a_word_is_fine() {
        assert_eq!(violations("crates/x/src/utilisation.rs"), 0);
        assert_eq!(violations("crates/x/src/common_table_expression.rs"), 0);
    }
}
