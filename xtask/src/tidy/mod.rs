//! `tidy`: the laws of the house that no compiler checks. Each rule is a module; `cargo test` runs them too.

mod file_names;
mod floors;
mod lengths;
mod owners;
mod readmes;
mod sources;
mod tree;
mod unsafe_code;

use std::fmt;

use crate::{Result, workspace};

pub(crate) fn run() -> Result {
    let violations = check()?;
    for violation in &violations {
        eprintln!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        1 => Err("the tree is not tidy: 1 violation".into()),
        count => Err(format!("the tree is not tidy: {count} violations").into()),
    }
}

fn check() -> Result<Vec<Violation>> {
    let packages = workspace::packages()?;
    let sources = sources::read()?;
    Ok([
        floors::check(&packages),
        owners::check(&packages, &owners::read()?),
        tree::check(&tree::read()?),
        readmes::check(&readmes::read(&packages)),
        lengths::check(&sources),
        file_names::check(&sources),
        unsafe_code::check(&sources),
    ]
    .into_iter()
    .flatten()
    .collect())
}

/// A law broken: where, which, and how to mend it.
#[derive(Debug)]
struct Violation {
    place: String,
    rule: &'static str,
    mend: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.rule, self.mend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let violations: Vec<_> = check().unwrap().iter().map(ToString::to_string).collect();
        assert!(violations.is_empty(), "\n{}", violations.join("\n"));
    }
}
