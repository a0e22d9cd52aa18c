//! The workspace's packages, as cargo knows them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Result, run};

/// One package of the workspace and what its manifest declares.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// From `[package.metadata.seawall]`.
    pub(crate) floor: Option<u64>,
    pub(crate) published: bool,
    /// Whether it only writes code, and links nothing into what uses it.
    pub(crate) proc_macro: bool,
    /// From the repository's root.
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether only its tests and examples use it.
    pub(crate) dev: bool,
}

pub(crate) fn packages() -> Result<Vec<Package>> {
    Ok(parse(&metadata(&[])?, run::root()))
}

/// Where cargo builds, whatever the user's configuration says.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let metadata = metadata(&[])?;
    Ok(metadata["target_directory"].as_str().ok_or("cargo metadata names no target directory")?.into())
}

pub(crate) fn metadata(arguments: &[&str]) -> Result<Value> {
    let mut metadata = run::cargo(["metadata", "--no-deps", "--format-version", "1"]);
    Ok(serde_json::from_str(&run::output(metadata.args(arguments))?)?)
}

fn parse(metadata: &Value, root: &Path) -> Vec<Package> {
    list(&metadata["packages"]).map(|value| package(value, root)).collect()
}

fn package(package: &Value, root: &Path) -> Package {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let folder = manifest.parent().unwrap_or(root);
    Package {
        name: text(&package["name"]),
        floor: package["metadata"]["seawall"]["floor"].as_u64(),
        // `publish = false` arrives as an empty list of registries, its absence as null.
        published: package["publish"].is_null(),
        proc_macro: list(&package["targets"]).any(|target| target["kind"][0] == "proc-macro"),
        folder: folder.strip_prefix(root).unwrap_or(folder).to_owned(),
        dependencies: list(&package["dependencies"]).map(dependency).collect(),
    }
}

fn dependency(dependency: &Value) -> Dependency {
    Dependency { name: text(&dependency["name"]), dev: dependency["kind"] == "dev" }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_from_cargos_own_words() {
        let metadata = serde_json::json!({ "packages": [{
            "name": "seawall-x",
            "manifest_path": "/r/crates/seawall-x/Cargo.toml",
            "publish": [],
            "targets": [{ "kind": ["proc-macro"] }, { "kind": ["test"] }],
            "metadata": { "seawall": { "floor": 2 } },
            "dependencies": [{ "name": "a", "kind": null }, { "name": "b", "kind": "dev" }],
        }] });
        let packages = parse(&metadata, Path::new("/r"));
        let [package] = &packages[..] else { panic!("{packages:?}") };
        assert_eq!(package.name, "seawall-x");
        assert_eq!(package.floor, Some(2));
        assert!(package.proc_macro && !package.published);
        assert_eq!(package.folder, Path::new("crates/seawall-x"));
        assert_eq!(package.dependencies.iter().map(|d| d.dev).collect::<Vec<_>>(), [false, true]);
    }
}
