//! A heavy crate has one owner. The table is `deny.toml`, where `cargo deny` holds other people's crates to it as well;
//! this rule needs nothing installed.

use std::fs;

use super::Violation;
use crate::workspace::Package;
use crate::{Result, run};

/// A heavy crate and who may depend on it.
#[derive(Debug, PartialEq)]
pub(super) struct Heavy {
    name: String,
    owners: Vec<String>,
}

pub(super) fn read() -> Result<Vec<Heavy>> {
    let table = parse(&fs::read_to_string(run::root().join("deny.toml"))?);
    if table.is_empty() {
        return Err(
            "deny.toml: found no line `{ crate = \"…\", wrappers = […] },` to read owners from".into()
        );
    }
    Ok(table)
}

/// Each heavy crate is one line: `{ crate = "name", wrappers = ["owner", ...] },`.
fn parse(deny: &str) -> Vec<Heavy> {
    let lines = deny
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("{ crate = ") && line.contains("wrappers"));
    let heavy = |line: &str| {
        let mut quoted = line.split('"').skip(1).step_by(2).map(str::to_owned);
        Some(Heavy { name: quoted.next()?, owners: quoted.collect() })
    };
    lines.filter_map(heavy).collect()
}

pub(super) fn check(packages: &[Package], table: &[Heavy]) -> Vec<Violation> {
    packages.iter().flat_map(|package| violations(package, table)).collect()
}

fn violations(package: &Package, table: &[Heavy]) -> impl Iterator<Item = Violation> {
    let names = package.dependencies.iter().map(|dependency| &dependency.name);
    let heavy = names.filter_map(|name| table.iter().find(|heavy| heavy.name == *name));
    let foreign = heavy.filter(|heavy| !heavy.owners.contains(&package.name));
    foreign.map(|Heavy { name, owners }| Violation {
        place: package.folder.join("Cargo.toml").display().to_string(),
        rule: "a heavy crate has one owner",
        mend: format!("use what {} makes of `{name}`, or change its owner in deny.toml", owners.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    const DENY: &str = r#"
deny = [
  # Who owns what.
  { crate = "sqlx", wrappers = ["seawall-sql"] },
  { crate = "openssl", reason = "nobody's" },
]
"#;

    fn package(name: &str, dependency: &str) -> Package {
        let dependencies = vec![Dependency { name: dependency.to_owned(), dev: true }];
        Package { name: name.to_owned(), dependencies, ..Package::default() }
    }

    #[test]
    fn the_table_is_read_from_the_lines_that_name_owners() {
        let sqlx = Heavy { name: "sqlx".to_owned(), owners: vec!["seawall-sql".to_owned()] };
        assert_eq!(parse(DENY), [sqlx]);
    }

    #[test]
    fn the_real_table_knows_the_heaviest() {
        let table = read().unwrap();
        for name in ["reqwest", "sqlx", "opentelemetry", "clap"] {
            assert!(table.iter().any(|heavy| heavy.name == name), "{name}");
        }
    }

    #[test]
    fn an_owner_may_and_nobody_else_may_not_even_in_tests() {
        assert!(check(&[package("seawall-sql", "sqlx")], &parse(DENY)).is_empty());
        assert_eq!(check(&[package("seawall-http", "sqlx")], &parse(DENY)).len(), 1);
    }
}
