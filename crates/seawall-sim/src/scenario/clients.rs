use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::Priority;
use serde::Deserialize;

use super::kinds::nothing;

/// Who calls: client processes, each with a stack of its own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// How many.
    pub count: NonZeroU32,
    /// Calls a second, of all together, on average. Left out if the arrivals tell it, and not looked at then.
    #[serde(default)]
    pub rate: f64,
    /// When the calls come. Default: one independently of another.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// The time of a call. Default 2 s.
    #[serde(default = "two_seconds", with = "seawall_core::friendly_duration")]
    pub deadline: Duration,
    /// The time of an attempt. Default 500 ms.
    #[serde(default = "half_a_second", with = "seawall_core::friendly_duration")]
    pub attempt_timeout: Duration,
    /// The share of the calls that each class has, in any unit. Default: all are normal.
    #[serde(default)]
    pub priorities: BTreeMap<Priority, f64>,
}

/// When calls come.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arrivals {
    /// One independently of another.
    #[default]
    #[serde(deserialize_with = "nothing")]
    Poisson,
    /// Each client calls for a while and is silent for a while, both of exponential length, at a rate that makes the
    /// given one on average.
    OnOff {
        /// How long it calls, on average.
        #[serde(with = "seawall_core::friendly_duration")]
        on: Duration,
        /// How long it is silent, on average.
        #[serde(with = "seawall_core::friendly_duration")]
        off: Duration,
    },
    /// Independently, at a rate that goes in lines from point to point; two points at one time make a step.
    Ramp {
        /// In order of time; before the first and after the last the rate stands still.
        points: Vec<LoadPoint>,
    },
    /// At the times that a file lists, in seconds, one a line. The calls go to the clients in turn. While a spike multiplies
    /// the load, each comes so many times; what a factor has beyond a whole number is left to chance.
    Trace {
        /// The file, seen from the scenario's folder.
        file: PathBuf,
        /// What it holds: read with the scenario, in order.
        #[serde(skip)]
        times: Arc<[Duration]>,
    },
}

/// A rate at a time.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadPoint {
    /// When.
    #[serde(with = "seawall_core::friendly_duration")]
    pub at: Duration,
    /// Calls a second, of all clients together.
    pub rate: f64,
}

const fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

const fn half_a_second() -> Duration {
    Duration::from_millis(500)
}
