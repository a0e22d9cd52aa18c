use std::path::Path;

use super::{Claim, Variant, history};
use crate::scenario::{Scenario, ScenarioError};
use crate::shell::COMMAND;

/// A scenario, the policies that play it, and what is claimed of the outcome.
#[derive(Clone, Debug)]
pub struct Case {
    /// What tables call it.
    pub name: String,
    /// Where its scenario comes from.
    pub source: Source,
    /// Who plays it; the first is judged, the others are what it is seen beside.
    pub policies: Vec<&'static str>,
    /// What is claimed.
    pub claims: Vec<Claim>,
}

/// Where a scenario comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A file, with some of it set otherwise.
    File(Variant),
    /// Chance: another [history](history()) for each seed.
    History,
}

impl Case {
    /// The scenario of a seed.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn scenario(&self, seed: u64) -> Result<Scenario, ScenarioError> {
        match &self.source {
            Source::File(variant) => variant.scenario(),
            Source::History => Scenario::parse(&history(seed), Path::new("history.toml")),
        }
    }

    /// The command that plays it again with one policy and one seed.
    pub fn replay(&self, policy: &str, seed: u64) -> String {
        match &self.source {
            Source::File(variant) => {
                format!("{COMMAND} run {variant} --policy {policy} --seed {seed}")
            }
            Source::History => format!(
                "{COMMAND} history {seed} >history-{seed}.toml && {COMMAND} run history-{seed}.toml --policy {policy} --seed {seed}"
            ),
        }
    }
}
