//! A file is read in one sitting: at most 400 lines, and half of all files at most 150.

use super::Violation;
use super::sources::Source;

const LONGEST: usize = 400;
const MEDIAN: usize = 150;

pub(super) fn check(sources: &[Source]) -> Vec<Violation> {
    let counted: Vec<_> = sources.iter().filter(|source| !source.is_test() && !source.generated).collect();
    let mut violations: Vec<_> = counted
        .iter()
        .filter(|source| source.lines > LONGEST)
        .map(|source| Violation {
            place: source.path.display().to_string(),
            rule: "no file has more than 400 lines",
            mend: format!("it has {}; split it by what its parts are for", source.lines),
        })
        .collect();

    let mut lengths: Vec<_> = counted.iter().map(|source| source.lines).collect();
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    if median > MEDIAN {
        violations.push(Violation {
            place: "crates, xtask".to_owned(),
            rule: "half of all files have at most 150 lines",
            mend: format!("the median is {median}; split the files above it by what their parts are for"),
        });
    }
    violations
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn source(path: &str, lines: usize) -> Source {
        Source::new(Path::new(path), &"line\n".repeat(lines))
    }

    #[test]
    fn a_file_of_401_lines_is_too_long() {
        let short = ["c.rs", "d.rs", "e.rs"].map(|path| source(path, 1));
        let sources: Vec<_> = [source("a.rs", 401), source("b.rs", 400)].into_iter().chain(short).collect();
        let violations = check(&sources);
        assert_eq!(violations.len(), 1);
        assert_eq!(
            violations[0].to_string(),
            "a.rs: no file has more than 400 lines: it has 401; split it by what its parts are for"
        );
    }

    #[test]
    fn many_middling_files_are_too_long_together() {
        let sources = [source("a.rs", 151), source("b.rs", 151), source("c.rs", 1)];
        assert!(check(&sources)[0].mend.starts_with("the median is 151"));
    }

    #[test]
    fn tests_and_generated_tables_are_not_counted() {
        let table =
            Source::new(Path::new("src/table.rs"), &format!("// @generated\n{}", "line\n".repeat(900)));
        assert!(check(&[source("crates/x/tests/it/main.rs", 900), table]).is_empty());
    }
}
