//! What a scenario has to be like, beyond what its types say.

mod clients;
mod size;
mod tiers;
mod triggers;

use std::fmt;
use std::time::Duration;

use super::{Scenario, ten_seconds};

/// What is wrong with a scenario, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidScenario {
    /// The key, such as `triggers[0].share`.
    pub key: String,
    /// What is wrong with it, and what to do about it.
    pub problem: String,
}

impl InvalidScenario {
    pub(super) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

impl fmt::Display for InvalidScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

impl std::error::Error for InvalidScenario {}

impl Scenario {
    /// Checks that it can be played.
    ///
    /// # Errors
    /// Says which value cannot be, and why.
    pub fn validate(&self) -> Result<(), InvalidScenario> {
        ensure(!self.name.trim().is_empty(), "name", || "it is empty, name the scenario".to_owned())?;
        ensure(!self.name.contains(char::is_control), "name", || "it has more than one line".to_owned())?;
        time("duration", self.duration, TURN)?;
        // Whoever left it out looks for the line of what is too short for it.
        let key = if self.measure_from == ten_seconds() { "duration" } else { "measure_from" };
        ensure(self.measure_from < self.duration, key, || {
            let Self { measure_from, duration, .. } = self;
            format!(
                "nothing would be measured, `measure_from`, {measure_from:?}, must be below `duration`, {duration:?}"
            )
        })?;
        clients::check(&self.clients)?;
        tiers::check(&self.tiers)?;
        triggers::check(self)?;
        size::check(self)
    }
}

type Checked = Result<(), InvalidScenario>;

/// The world turns once a millisecond, and so do tokio's timers: nothing shorter makes a difference.
const TURN: Duration = Duration::from_millis(1);

/// A factor so great that no more is meant by a greater one.
const GREATEST_FACTOR: f64 = 1e6;

fn ensure(holds: bool, key: &str, problem: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(InvalidScenario::new(key, problem())) }
}

fn share(key: &str, value: f64) -> Checked {
    ensure((0.0..=1.0).contains(&value), key, || format!("{value:?} is no share, set it from 0 to 1"))
}

fn time(key: &str, value: Duration, least: Duration) -> Checked {
    ensure((least..=Scenario::LONGEST).contains(&value), key, || {
        format!(
            "{value:?} cannot be simulated, set it from {least:?} to {} h",
            Scenario::LONGEST.as_secs() / 3600
        )
    })
}

fn count(key: &str, value: u32, most: u32) -> Checked {
    ensure(value <= most, key, || format!("{value} is more than can be simulated, set it to {most} or less"))
}
