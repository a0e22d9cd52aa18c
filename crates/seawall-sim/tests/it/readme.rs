//! What the readme shows is true.

use seawall_sim::scenario::Scenario;

#[test]
fn the_readmes_scenario_is_one() {
    let readme = include_str!("../../README.md");
    let (_, from_toml) = readme.split_once("```toml\n").unwrap();
    let (text, _) = from_toml.split_once("```").unwrap();
    let scenario = Scenario::parse(text, "README.md".as_ref()).unwrap();
    assert_eq!(scenario.name, "capacity-cut");
}
