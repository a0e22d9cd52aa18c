use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use seawall_core::Priority;
use serde::Deserialize;

/// Who calls: client processes, each with a stack of its own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// How many.
    pub count: NonZeroU32,
    /// Calls a second, of all together.
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
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Arrivals {
    /// One independently of another.
    #[default]
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
    /// Independently, at a rate that goes in lines from point to point; `rate` is not looked at.
    Ramp {
        /// In order of time; before the first and after the last the rate stands still.
        points: Vec<LoadPoint>,
    },
    /// At the times that a file lists, in seconds, one a line; `rate` is not looked at. The calls go to the clients in turn.
    Trace {
        /// The file, seen from the scenario's folder.
        file: PathBuf,
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
