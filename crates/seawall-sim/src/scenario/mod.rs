//! What is simulated: clients, the servers they call, and what goes wrong when.
//!
//! A scenario is a TOML file. [`Scenario::read`] reads one, and says of a file that it cannot use which line is wrong,
//! how, and what to do about it. The crate's README tells what all keys mean.

mod check;
mod clients;
mod error;
mod kinds;
mod parse;
mod place;
mod setting;
mod spikes;
mod tier;
mod trace;
mod trigger;
mod wording;

use std::time::Duration;

pub use check::InvalidScenario;
pub use clients::{Arrivals, Clients, LoadPoint};
pub use error::ScenarioError;
use serde::Deserialize;
pub use setting::Setting;
pub(crate) use spikes::Spikes;
pub use tier::{Queue, QueueKind, QueueRefusal, ServiceTime, Tier};
pub use trigger::{Trigger, TriggerKind};

/// One scenario, as a file describes it.
///
/// [`Scenario::parse`] makes one of text. (What serde takes for one is not quite that text, but what `parse` makes of it.)
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What tables call it.
    pub name: String,
    /// What it shows, in a sentence.
    #[serde(default)]
    pub about: String,
    /// For how long calls arrive.
    #[serde(with = "seawall_core::friendly_duration")]
    pub duration: Duration,
    /// From when on it is measured; what comes before only warms up. Default 10 s.
    #[serde(default = "ten_seconds", with = "seawall_core::friendly_duration")]
    pub measure_from: Duration,
    /// Who calls.
    pub clients: Clients,
    /// Who is called. The clients call the first.
    pub tiers: Vec<Tier>,
    /// What goes wrong.
    #[serde(default)]
    pub triggers: Vec<Trigger>,
}

impl Scenario {
    /// The longest time that means anything: nothing goes on for more than a day.
    pub const LONGEST: Duration = Duration::from_hours(24);
    /// As many calls as one run may remember.
    pub const MOST_CALLS: usize = 20_000_000;
}

const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}
