//! Whoever finds a crate on its own learns what it is for, how to use it and what it does not do.

use std::fs;

use super::Violation;
use crate::run;
use crate::workspace::Package;

const HEADINGS: [&str; 3] = ["## What it is for", "## How to use it", "## What it does not do"];

/// The readme of a published crate; `None` when it has none.
pub(super) struct Readme {
    place: String,
    text: Option<String>,
}

pub(super) fn read(packages: &[Package]) -> Vec<Readme> {
    let published = packages.iter().filter(|package| package.published);
    published
        .map(|package| {
            let path = package.folder.join("README.md");
            Readme {
                place: path.display().to_string(),
                text: fs::read_to_string(run::root().join(path)).ok(),
            }
        })
        .collect()
}

pub(super) fn check(readmes: &[Readme]) -> Vec<Violation> {
    readmes.iter().flat_map(violations).collect()
}

fn violations(readme: &Readme) -> Vec<Violation> {
    let violation = |mend| Violation {
        place: readme.place.clone(),
        rule: "a published crate says what it is for, how to use it and what it does not do",
        mend,
    };
    let Some(text) = &readme.text else {
        return vec![violation(format!(
            "write it, with the headings {}",
            HEADINGS.map(|h| format!("`{h}`")).join(", ")
        ))];
    };
    let missing = HEADINGS.iter().filter(|heading| !text.lines().any(|line| line.trim_end() == **heading));
    missing.map(|heading| violation(format!("add the heading `{heading}`"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mends(text: Option<&str>) -> Vec<String> {
        let readme = Readme { place: "crates/x/README.md".to_owned(), text: text.map(str::to_owned) };
        check(&[readme]).into_iter().map(|violation| violation.mend).collect()
    }

    #[test]
    fn a_crate_without_readme_is_found() {
        assert_eq!(mends(None).len(), 1);
    }

    #[test]
    fn every_missing_heading_is_found() {
        let text = "# x\n\n## What it is for\n\ntext\n\n### How to use it\n";
        assert_eq!(
            mends(Some(text)),
            ["add the heading `## How to use it`", "add the heading `## What it does not do`"]
        );
    }

    #[test]
    fn a_whole_readme_passes() {
        assert!(mends(Some(&HEADINGS.join("\n\ntext\n\n"))).is_empty());
    }

    #[test]
    fn an_unpublished_crate_needs_none() {
        assert!(read(&[Package { name: "x".to_owned(), ..Package::default() }]).is_empty());
    }
}
