//! What the readme shows is true.

use std::process::Command;

use seawall_sim::scenario::Scenario;
use seawall_sim::shell::COMMAND;

#[test]
fn the_readmes_scenario_is_one() {
    let readme = include_str!("../../README.md");
    let (_, from_toml) = readme.split_once("```toml\n").unwrap();
    let (text, _) = from_toml.split_once("```").unwrap();
    let scenario = Scenario::parse(text, "README.md".as_ref()).unwrap();
    assert_eq!(scenario.name, "capacity-cut");
}

#[test]
fn the_readmes_commands_are_understood() {
    let readme = include_str!("../../README.md");
    let commands: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix(COMMAND)).collect();
    assert!(commands.len() >= 5, "{commands:?}");
    for command in commands {
        // So that nothing is played: what is said of this comes after all else is understood.
        let (nothing, said) = if command.starts_with(" check") {
            (["--case", "nothing"], "there is no such case")
        } else {
            (["--report", "/"], "/ cannot be written")
        };
        let output = Command::new(env!("CARGO_BIN_EXE_seawall-sim"))
            .args(command.split_whitespace().chain(nothing))
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.starts_with(&format!("error: {said}")), "{command}: {error}");
    }
}
