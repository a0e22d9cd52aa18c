//! `bench`: Seawall beside its peers, from a workspace of its own so that the peers stay out of our lock file.

use serde_json::Value;

use crate::{Result, run, workspace};

/// The workspace of the benchmarks.
pub(crate) const MANIFEST: &str = "crates/seawall-bench/Cargo.toml";

pub(crate) fn run(name: &str, json: bool, quick: bool) -> Result {
    let names = binaries(&workspace::metadata(&["--manifest-path", MANIFEST])?);
    if !names.iter().any(|known| known == name) {
        return Err(format!("there is no benchmark `{name}`; there are: {}", names.join(", ")).into());
    }
    let mut bench = run::cargo(["run", "--release", "--manifest-path", MANIFEST, "--bin", name]);
    if ["http", "ingest"].contains(&name) {
        // Our side of these is the shipped binary, or it is one of the sides.
        run::run(&mut run::cargo(["build", "--release", "-p", "seawall-cli"]))?;
        bench.env("BENCH_SEAWALL_BIN", workspace::target_directory()?.join("release/seawall"));
    }
    bench.arg("--").args(json.then_some("--json")).args(quick.then_some("--quick"));
    run::run(&mut bench)
}

/// The binaries of the benchmarks' package.
fn binaries(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let binaries = targets.filter(|target| target["kind"][0] == "bin");
    binaries.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_binaries() {
        let metadata = serde_json::json!({ "packages": [{ "targets": [
            { "kind": ["lib"], "name": "seawall_bench" },
            { "kind": ["bin"], "name": "ingest" },
            { "kind": ["bin"], "name": "sql" },
        ] }] });
        assert_eq!(binaries(&metadata), ["ingest", "sql"]);
    }
}
