//! Arrows go strictly down: a crate depends only on crates of lower floors, in its tests too, and on macros of its own.

use super::Violation;
use crate::workspace::{Dependency, Package};

/// The tests' own crate: every crate above the ground floor may test with it, none may ship it.
const TESTKIT: &str = "seawall-testkit";
/// Ours, but tools: they use the testkit to start servers.
const TOOLS: [&str; 2] = ["seawall-bench", "xtask"];

pub(super) fn check(packages: &[Package]) -> Vec<Violation> {
    packages.iter().flat_map(|package| violations(package, packages)).collect()
}

fn violations(package: &Package, packages: &[Package]) -> Vec<Violation> {
    let violation = |mend| Violation {
        place: package.folder.join("Cargo.toml").display().to_string(),
        rule: "arrows go strictly down",
        mend,
    };
    let Some(floor) = package.floor else {
        return vec![violation("say its floor: `[package.metadata.seawall]`, `floor = …`".to_owned())];
    };
    let faults = package.dependencies.iter().filter_map(|dependency| {
        // A package of the workspace without a floor is a violation of its own.
        let other = packages.iter().find(|other| other.name == dependency.name)?;
        fault(package, floor, dependency, other)
    });
    faults.map(violation).collect()
}

fn fault(package: &Package, floor: u64, dependency: &Dependency, other: &Package) -> Option<String> {
    let (name, below) = (&dependency.name, other.floor?);
    if name != TESTKIT {
        let mend =
            format!("it is on floor {floor}, `{name}` on {below}; move what they share to a lower floor");
        let may_be_beside = u64::from(other.proc_macro);
        return (below >= floor + may_be_beside).then_some(mend);
    }
    if !dependency.dev && !TOOLS.contains(&&*package.name) {
        return Some(format!("`{name}` is for tests; make it a dev-dependency"));
    }
    (floor == 0).then(|| format!("`{name}` depends on floor 0; test without it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, floor: impl Into<Option<u64>>, dependencies: &[(&str, bool)]) -> Package {
        let dependency = |&(name, dev): &(&str, bool)| Dependency { name: name.to_owned(), dev };
        Package {
            name: name.to_owned(),
            floor: floor.into(),
            dependencies: dependencies.iter().map(dependency).collect(),
            ..Package::default()
        }
    }

    fn house(package: Package) -> usize {
        let http = self::package("seawall-http", 2, &[]);
        let core = self::package("seawall-core", 0, &[]);
        let testkit = self::package(TESTKIT, 1, &[("seawall-core", false)]);
        check(&[core, testkit, http, package]).len()
    }

    #[test]
    fn a_crate_may_use_what_lies_below_and_what_is_not_ours() {
        let fine = package("seawall-sql", 2, &[("seawall-core", false), ("serde", false), (TESTKIT, true)]);
        assert_eq!(house(fine), 0);
    }

    #[test]
    fn neighbours_do_not_meet() {
        assert_eq!(house(package("seawall-sql", 2, &[("seawall-http", false)])), 1);
    }

    #[test]
    fn macros_may_be_neighbours_but_not_above() {
        let macros = |floor| Package { proc_macro: true, ..package("seawall-macros", floor, &[]) };
        let cache = || package("seawall-cache", 1, &[("seawall-macros", false)]);
        assert_eq!(check(&[macros(1), cache()]).len(), 0);
        assert_eq!(check(&[macros(2), cache()]).len(), 1);
    }

    #[test]
    fn no_arrow_goes_up_not_even_in_tests() {
        assert_eq!(house(package("seawall-tower", 1, &[("seawall-http", true)])), 1);
    }

    #[test]
    fn neighbours_of_the_testkit_test_with_it_and_the_ground_floor_does_not() {
        assert_eq!(house(package("seawall-tower", 1, &[(TESTKIT, true)])), 0);
        assert_eq!(house(package("seawall-base", 0, &[(TESTKIT, true)])), 1);
    }

    #[test]
    fn only_tools_depend_on_the_testkit_outside_tests() {
        assert_eq!(house(package("seawall-sql", 2, &[(TESTKIT, false)])), 1);
        assert_eq!(house(package("xtask", 5, &[(TESTKIT, false)])), 0);
    }

    #[test]
    fn a_crate_without_a_floor_is_found() {
        assert_eq!(house(package("seawall-sql", None, &[])), 1);
    }
}
