//! Whoever takes one client does not get the others: an HTTP user compiles no database and no telemetry SDK.

use super::Violation;
use crate::{Result, run};

const CRATE: &str = "seawall-http";
const FORBIDDEN: [&str; 4] = ["deadpool", "opentelemetry", "redis", "sqlx"];

/// The names of all crates that come with it, one a line.
pub(super) fn read() -> Result<String> {
    let arguments = ["tree", "--package", CRATE, "--all-features", "--edges", "normal,build"];
    run::output(run::cargo(arguments).args(["--prefix", "none", "--format", "{p}"]))
}

pub(super) fn check(tree: &str) -> Vec<Violation> {
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    names.sort_unstable();
    names.dedup();
    let found =
        names.into_iter().filter(|name| FORBIDDEN.iter().any(|forbidden| name.starts_with(forbidden)));
    found
        .map(|name| Violation {
            place: format!("crates/{CRATE}/Cargo.toml"),
            rule: "a client brings no other client's crates along",
            mend: format!(
                "`cargo tree -p {CRATE} -i {name}` shows who brings `{name}`; remove that dependency"
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_crate_is_found_once_however_deep() {
        let tree =
            "seawall-http v0.1.0 (/r)\nserde v1.0.0\nsqlx-core v0.9.0\nbytes v1.0.0\nsqlx-core v0.9.0 (*)\n";
        assert_eq!(check(tree).len(), 1);
        assert!(check("seawall-http v0.1.0 (/r)\nbytes v1.0.0\n").is_empty());
    }

    #[test]
    fn the_real_tree_is_not_empty() {
        assert!(read().unwrap().starts_with("seawall-http "));
    }
}
