mod config;
mod track;

use std::time::{Duration, Instant};

pub use config::RolloutConfig;
use serde::{Deserialize, Serialize};
use track::Track;

use crate::tally::Tally;
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
/// gets no calls until somebody lets it [begin again](Self::begin_again): no ramp that goes on by itself, and no other
/// configuration, brings it back.
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
    stable: Track,
    canary: Track,
}

impl Rollout {
    /// A rollout at the configured weight.
    ///
    /// # Errors
    /// What [`RolloutConfig::validate`] says.
    pub fn new(config: RolloutConfig, now: Instant) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let track = Track::new(config.window, now);
        Ok(Self { epoch: Epoch::default(), rolled_back: false, stable: track.clone(), canary: track, config })
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
        self.track(arm).answered(failed, slow, now);
        if failed || slow { self.judge(arm, now) } else { None }
    }

    /// Takes note of a call that was dropped after so long without an answer, and says if that gave the canary up.
    ///
    /// It counts as slow if it had taken long enough for that, whatever would have become of it; it is neither a success
    /// nor a failure. One that was dropped sooner says nothing.
    pub fn abandon(&mut self, arm: Arm, epoch: Epoch, took: Duration, now: Instant) -> Option<Event> {
        if epoch != self.epoch || took < self.config.slow_call_duration {
            return None;
        }
        self.track(arm).abandoned(now);
        self.judge(arm, now)
    }

    /// The share of calls that the canary gets now.
    pub const fn weight(&self) -> f64 {
        if self.rolled_back { 0.0 } else { self.config.weight }
    }

    /// Whether the canary was given up and waits for somebody to let it begin again.
    pub const fn is_rolled_back(&self) -> bool {
        self.rolled_back
    }

    /// Sends this share of calls to the canary, from 0 to 1. Windows keep what they hold. [`Event::WeightChanged`] if the
    /// share is another one.
    ///
    /// # Errors
    /// The weight is not a share, or it is above 0 and the canary was given up; the old one then stays.
    pub fn set_weight(&mut self, weight: f64) -> Result<Option<Event>, InvalidConfig> {
        let config = RolloutConfig { weight, ..self.config.clone() };
        config.validate()?;
        if self.rolled_back && weight > 0.0 {
            let rule = "must be 0 while the canary is rolled back, until it is told to begin again";
            return Err(InvalidConfig::new("weight", weight, rule));
        }
        let before = self.weight();
        self.config = config;
        Ok(self.changed_from(before))
    }

    /// Begins anew with this share of calls, from 0 to 1: what is known of both stacks is forgotten, and a canary that was
    /// given up gets another chance. [`Event::WeightChanged`] if its share of calls is another one.
    ///
    /// # Errors
    /// The weight is not a share; everything then stays as it was.
    pub fn begin_again(&mut self, weight: f64, now: Instant) -> Result<Option<Event>, InvalidConfig> {
        let config = RolloutConfig { weight, ..self.config.clone() };
        config.validate()?;
        let before = self.weight();
        let track = Track::new(config.window, now);
        *self = Self {
            epoch: self.epoch.next(),
            rolled_back: false,
            stable: track.clone(),
            canary: track,
            config,
        };
        Ok(self.changed_from(before))
    }

    /// Gives the canary up by an operator's will.
    pub fn roll_back(&mut self) -> Option<Event> {
        (!self.rolled_back).then(|| self.give_up("by an operator"))
    }

    /// The configuration in force.
    pub const fn config(&self) -> &RolloutConfig {
        &self.config
    }

    /// Puts another configuration in force. Windows keep what they hold. A canary that was given up stays so, whatever the
    /// weight, until it [begins again](Self::begin_again). [`Event::WeightChanged`] if its share of calls is another one.
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
        self.stable = self.stable.resized(config.window, now);
        self.canary = self.canary.resized(config.window, now);
        self.config = config;
        Ok(self.changed_from(before))
    }

    fn changed_from(&self, before: f64) -> Option<Event> {
        let weight = self.weight();
        (weight.to_bits() != before.to_bits()).then_some(Event::WeightChanged { weight })
    }

    const fn track(&mut self, arm: Arm) -> &mut Track {
        match arm {
            Arm::Stable => &mut self.stable,
            Arm::Canary => &mut self.canary,
        }
    }

    /// Gives the canary up if a bad call of this stack was one too many.
    fn judge(&mut self, arm: Arm, now: Instant) -> Option<Event> {
        if arm == Arm::Stable || self.rolled_back {
            return None;
        }
        self.stable.advance(now);
        self.canary.advance(now);
        let reason = self.breach()?;
        Some(self.give_up(reason))
    }

    fn give_up(&mut self, reason: &'static str) -> Event {
        self.rolled_back = true;
        self.epoch = self.epoch.next();
        Event::RolledBack { reason }
    }

    /// Which margin the canary breaks.
    fn breach(&self) -> Option<&'static str> {
        let RolloutConfig { failure_rate_margin, slow_call_rate_margin, minimum_number_of_calls, .. } =
            &self.config;
        let breaks = |margin: Option<f64>, stable: Tally, canary: Tally, part: fn(&Tally) -> u32| {
            let rate = |tally: &Tally| f64::from(part(tally)) / f64::from(tally.calls.max(1));
            let worse = rate(&canary) - rate(&stable);
            let mut both = stable;
            both += canary;
            canary.calls >= minimum_number_of_calls.get()
                && margin.is_some_and(|margin| worse >= margin)
                && worse >= SURE * standard_error(rate(&both), &stable, &canary)
        };
        let (stable, canary) = (&self.stable, &self.canary);
        if breaks(*failure_rate_margin, stable.answers(), canary.answers(), |tally| tally.failures) {
            Some("failure rate")
        } else if breaks(*slow_call_rate_margin, stable.all(), canary.all(), |tally| tally.slow) {
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
