//! What is simulated: clients, the servers they call, and what goes wrong when.

mod clients;
mod tier;
mod trigger;

pub use clients::{Arrivals, Clients, LoadPoint};
use serde::Deserialize;
use std::time::Duration;
pub use tier::{Queue, QueueKind, ServiceTime, Tier};
pub use trigger::{Trigger, TriggerKind};

/// One scenario, as a file describes it.
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

const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}
