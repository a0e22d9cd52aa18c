//! What the command line does, one file a command.

mod check;
mod compare;
mod history;
mod policies;
mod report;
mod run;
mod seconds;
mod trade_off;

use std::path::{Path, PathBuf};

pub(crate) use check::check;
pub(crate) use compare::compare;
pub(crate) use history::history;
pub(crate) use policies::policies;
pub(crate) use run::run;
use seawall_sim::policy::{self, Policy};
use seawall_sim::scenario::{Scenario, Setting};
pub(crate) use seconds::seconds;
pub(crate) use trade_off::trade_off;

use crate::failure::Failure;

/// Reads all scenarios before any is played, so that a mistake in the last shows at once.
fn scenarios<'f>(files: &'f [PathBuf], settings: &[Setting]) -> Result<Vec<(&'f Path, Scenario)>, Failure> {
    let read = |file: &PathBuf| Ok::<_, Failure>(Scenario::read_with(file, settings)?);
    files.iter().map(|file| Ok((file.as_path(), read(file)?))).collect()
}

/// The policy of that name; failing that, says which there are.
fn policy(name: &str) -> Result<Box<dyn Policy>, Failure> {
    policy::by_name(name).ok_or_else(|| {
        let known: Vec<_> = policy::all().iter().map(|policy| policy.name()).collect();
        Failure::Input(format!("there is no policy `{name}`; the policies are: {}", known.join(", ")))
    })
}

/// The scenario's name, and what it shows.
fn title(scenario: &Scenario) -> String {
    match scenario.about.as_str() {
        "" => scenario.name.clone(),
        about => format!("{} ({about})", scenario.name),
    }
}
