mod config;

use std::time::{Duration, Instant};

pub use config::RolloutConfig;
use serde::{Deserialize, Serialize};

use crate::tally::Tally;
use crate::time_window::TimeWindow;
use crate::{Epoch, Event, InvalidConfig, Outcome};

/// How many standard errors are no accident, however often one looks.
const SURE: f64 = 5.0;

/// One of the two stacks of a [`Rollout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The one that is known to work.
    Stable,
    /// The one that is tried out.
    Canary,
}

/// A weighted split of calls between a stable and a canary stack, which gives the canary up by itself when it fails or
/// is slow more often than the stable one, as a plain value.
///
/// Callers place each call at a point from 0 to 1: the same point for the same user, and the user always meets the same
/// stack. Raising the weight moves users only to the canary, never back.
///
/// Both rates are taken in the same window, so trouble that both stacks share gives nothing up. Nor does bad luck: of
/// twenty calls one or two fail now and then, and who looks after every call would meet such twenty within the hour. So
/// the difference must also be five times its standard error (the z-test for two proportions). A canary that was given up
/// gets no calls until somebody sets a weight again.
///
/// ```
/// use std::time::{Duration, Instant};
/// use seawall_core::{Arm, FailureKind, Outcome, Rollout, RolloutConfig};
///
/// let now = Instant::now();
/// let mut rollout = Rollout::new(RolloutConfig { weight: 0.1, ..RolloutConfig::default() }, now).unwrap();
/// assert_eq!(rollout.choose(0.05), Arm::Canary);
/// for _ in 0..20 {
///     let (epoch, took) = (rollout.epoch(), Duration::ZERO);
///     rollout.record(Arm::Canary, epoch, Outcome::failure(FailureKind::Transient), took, now);
/// }
/// assert_eq!(rollout.weight(), 0.0);
/// assert_eq!(rollout.choose(0.05), Arm::Stable);
/// ```
#[derive(Debug)]
pub struct Rollout {
    config: RolloutConfig,
    epoch: Epoch,
    rolled_back: bool,
    stable: TimeWindow,
    canary: TimeWindow,
}

impl Rollout {
    /// A rollout at the configured weight.
    ///
    /// # Errors
    /// What [`RolloutConfig::validate`] says.
    pub fn new(config: RolloutConfig, now: Instant) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let window = TimeWindow::new(config.window, now);
        Ok(Self {
            epoch: Epoch::default(),
            rolled_back: false,
            stable: window.clone(),
            canary: window,
            config,
        })
    }

    /// The stack for a call at this point, from 0 (included) to 1 (excluded).
    pub fn choose(&self, point: f64) -> Arm {
        if point < self.weight() { Arm::Canary } else { Arm::Stable }
    }

    /// The cycle in which calls are made now; it ends when the canary is given up or begins anew.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Takes note of how a call ended, and says if that gave the canary up: [`Event::RolledBack`].
    ///
    /// A result of an earlier cycle does not count, nor does a call that was cancelled or that we refused ourselves.
    pub fn record(
        &mut self,
        arm: Arm,
        epoch: Epoch,
        outcome: Outcome,
        took: Duration,
        now: Instant,
    ) -> Option<Event> {
        let failed = outcome.speaks_against_backend()?;
        if epoch != self.epoch {
            return None;
        }
        let slow = took >= self.config.slow_call_duration;
        let window = match arm {
            Arm::Stable => &mut self.stable,
            Arm::Canary => &mut self.canary,
        };
        window.record(failed, slow, now);
        if arm == Arm::Stable || !(failed || slow) || self.rolled_back {
            return None;
        }
        self.stable.advance(now);
        let reason = self.breach()?;
        Some(self.give_up(reason))
    }

    /// The share of calls that the canary gets now.
    pub const fn weight(&self) -> f64 {
        if self.rolled_back { 0.0 } else { self.config.weight }
    }

    /// Whether the canary was given up and waits for somebody to set a weight.
    pub const fn is_rolled_back(&self) -> bool {
        self.rolled_back
    }

    /// Gives the canary up by an operator's will.
    pub fn roll_back(&mut self) -> Option<Event> {
        (!self.rolled_back).then(|| self.give_up("by an operator"))
    }

    /// The configuration in force.
    pub const fn config(&self) -> &RolloutConfig {
        &self.config
    }

    /// Puts another configuration in force. Windows keep what they hold, unless the canary had been given up: then it
    /// begins anew. [`Event::WeightChanged`] if its share of calls is another one.
    ///
    /// # Errors
    /// What [`RolloutConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(
        &mut self,
        config: RolloutConfig,
        now: Instant,
    ) -> Result<Option<Event>, InvalidConfig> {
        config.validate()?;
        let before = self.weight();
        if self.rolled_back {
            self.rolled_back = false;
            self.epoch = self.epoch.next();
            (self.stable, self.canary) =
                (TimeWindow::new(config.window, now), TimeWindow::new(config.window, now));
        } else {
            self.stable = self.stable.resized(config.window, now);
            self.canary = self.canary.resized(config.window, now);
        }
        self.config = config;
        let weight = self.weight();
        Ok((weight.to_bits() != before.to_bits()).then_some(Event::WeightChanged { weight }))
    }

    fn give_up(&mut self, reason: &'static str) -> Event {
        self.rolled_back = true;
        self.epoch = self.epoch.next();
        Event::RolledBack { reason }
    }

    /// Which margin the canary breaks.
    fn breach(&self) -> Option<&'static str> {
        let (stable, canary) = (self.stable.sum(), self.canary.sum());
        if canary.calls < self.config.minimum_number_of_calls.get() {
            return None;
        }
        let mut both = stable;
        both += canary;
        let breaks = |margin: Option<f64>, part: fn(&Tally) -> u32| {
            let rate = |tally: &Tally| f64::from(part(tally)) / f64::from(tally.calls.max(1));
            let worse = rate(&canary) - rate(&stable);
            margin.is_some_and(|margin| worse >= margin)
                && worse >= SURE * standard_error(rate(&both), &stable, &canary)
        };
        if breaks(self.config.failure_rate_margin, |tally| tally.failures) {
            Some("failure rate")
        } else if breaks(self.config.slow_call_rate_margin, |tally| tally.slow) {
            Some("slow call rate")
        } else {
            None
        }
    }
}

/// By how much the rates of two stacks differ by chance when both are this. A stack without calls is taken to be perfect.
fn standard_error(rate: f64, stable: &Tally, canary: &Tally) -> f64 {
    let share = |tally: &Tally| if tally.calls == 0 { 0.0 } else { 1.0 / f64::from(tally.calls) };
    (rate * (1.0 - rate) * (share(stable) + share(canary))).sqrt()
}
