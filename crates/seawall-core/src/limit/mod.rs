mod attention;
mod config;
mod flight;
mod growth;
mod latency;
mod pace;
mod patience;
mod sample;

use std::time::{Duration, Instant};

pub use attention::Attention;
pub use config::{LimitAlgorithm, LimitConfig};
use flight::Flight;
use growth::Growth;
use latency::{Advice, Latency};
use pace::Usual;
use patience::Patience;
pub use sample::Sample;
use sample::Verdict;

use crate::{Epoch, Event, InvalidConfig};

/// The least a cut is worth, as a share of the deepest: one timeout among many answers cuts a twentieth by default.
const SHALLOWEST: f64 = 0.1;
/// Answers that take more than this part of what times out are as much a sign of overload, once something does.
const SLOW: f64 = 0.5;

/// How many calls a backend bears at a time, learnt from how they end: a plain value, told the time, without a lock.
///
/// - **It cuts** when a call times out or the backend says that it is overloaded; `Vegas` and `Gradient` also when
///   calls take longer. A cut is deeper the more of the calls since the last one met overload, or were answered after
///   more than half of what times out (as DCTCP does: M. Alizadeh and others, 2010), and starts from what was used, if
///   that is less than half of the limit. It begins a new [`Epoch`]: calls admitted before it do not cut again, so a
///   burst of timeouts counts once. Other failures come fast and say nothing about load, and neither does a timeout of a
///   call that had less time than others have: its caller came late.
/// - **It cuts far**, as three of the deepest cuts at once, when all that was under way is lost: half as many calls as the
///   limit, and four at the least, timed out one after the other, and none that began later was answered. Then a queue
///   is in the way that takes longer than a timeout, and does not get shorter by calls that will time out as well. Here
///   calls from before a cut count, but not those from before another of this kind.
/// - **It moves** with each call that is answered, unless less than half of the limit was in use when the call was
///   admitted. Before anything fails it doubles with each round of calls; after a cut it does so while it is below a
///   curve of the time since ([`LimitConfig::recovery_time`]). Once calls have timed out, `Aimd` measures answers by
///   that: those that take an eighth of it double the limit each round, whatever the curve, because nothing waits; the
///   others steer it to where answers take from a quarter to three quarters of it (the less, the higher the limit).
///   So clients that want more than there is keep the backend busy, and none of their calls time out.
/// - **It goes below 1**: then calls go one at a time with a [`pace`](Self::pace), and each answer adds a quarter, or
///   as much again if it was quick. So hundreds of clients can leave room for each other.
///
/// From any state, a backend that answers within a fifth of what timed out is given the full limit again, if there is
/// demand: the next call goes out after `max_pause` at the latest, 11 answers lead from 0.1 to 1, and `recovery_time`
/// after the last cut the whole of `max` is within reach by doubling with each round: 10 s in all by default. A slower
/// one is given what keeps its answers there, and the full limit after sixteen times as long without a timeout. `Vegas`
/// and `Gradient` must first learn how long calls usually take if they have come to believe something else: some
/// six [windows](LimitConfig::latency_window) of calls more.
///
/// All three live with what drives others up or down for ever: calls that hang whatever the load, a little more demand
/// than the backend can meet, failures that come fast. `Vegas` and `Gradient` do so for a client that is the backend's
/// main load; where dozens of clients fill its queue, no one's restraint shortens it, and timeouts decide as for `Aimd`.
///
/// ```
/// use std::time::{Duration, Instant};
/// use seawall_core::{FailureKind, Limit, LimitConfig, Outcome, Sample};
///
/// let now = Instant::now();
/// let mut limit = Limit::new(LimitConfig { initial: 10.0, ..LimitConfig::default() }).unwrap();
/// let took = Some(Duration::from_millis(20));
/// let call = Sample { epoch: limit.epoch(), in_flight: 10, took, outcome: Some(Outcome::Success) };
/// limit.record(call, now);
/// assert_eq!(limit.limit(), 11.0);
/// let timeout = Sample { outcome: Some(Outcome::failure(FailureKind::Timeout)), ..call };
/// limit.record(timeout, now);
/// limit.record(timeout, now); // admitted before the cut: counts no more
/// assert_eq!(limit.limit(), 8.25);
/// ```
#[derive(Debug)]
pub struct Limit {
    config: LimitConfig,
    calls: f64,
    epoch: Epoch,
    round: Round,
    growth: Growth,
    latency: Latency,
    usual: Usual,
    patience: Patience,
    flight: Flight,
    told: f64,
}

/// What came back since the last cut.
#[derive(Debug, Default)]
struct Round {
    answered: u64,
    overloaded: u64,
    /// Of the answered, those that took almost as long as what times out.
    slow: u64,
    /// The most calls that were under way.
    peak: u32,
}

impl Limit {
    /// A limit that begins at [`LimitConfig::initial`], or at the nearest of `min` and `max`.
    ///
    /// # Errors
    /// What [`LimitConfig::validate`] says.
    pub fn new(config: LimitConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let initial = within(config.initial, &config);
        Ok(Self {
            calls: initial,
            told: initial,
            epoch: Epoch::default(),
            round: Round::default(),
            growth: Growth::new(),
            latency: Latency::default(),
            usual: Usual::default(),
            patience: Patience::default(),
            flight: Flight::default(),
            config,
        })
    }

    /// How many calls may be under way. Below 1, calls go one at a time, [spaced out](Self::pace).
    pub const fn limit(&self) -> f64 {
        self.calls
    }

    /// The epoch that a call admitted now belongs to. A cut begins the next.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Takes note of how a call ended.
    ///
    /// Says so when the limit has moved by a quarter upwards or a fifth downwards since it last said so, or has arrived
    /// at `max`: a full recovery from the lowest default limit takes some forty such events, a busy one near its level none.
    pub fn record(&mut self, sample: Sample, now: Instant) -> Option<Event> {
        if self.config.algorithm == LimitAlgorithm::Fixed {
            return None;
        }
        self.round.peak = self.round.peak.max(sample.in_flight).max(1);
        self.usual.record(&sample);
        let current = sample.epoch == self.epoch;
        match sample.verdict() {
            Verdict::Answered { measured } => {
                self.round.answered += 1;
                self.flight.answered(sample.took, now);
                let part = self.patience.part(sample.took);
                self.round.slow += u64::from(part.is_some_and(|part| part > SLOW));
                if !current {
                    return None;
                }
                match measured.and_then(|took| self.judge(took, sample.in_flight, now)) {
                    Some(Advice::Cut(left)) => self.cut(self.calls, left, now),
                    Some(Advice::Hold(calls)) => self.calls = within(calls, &self.config),
                    Some(Advice::Grow) | None if self.moves_by(&sample) => {
                        // Those that look at latency in their own way do not look at it twice.
                        let part = part.filter(|_| !self.looks_at_latency());
                        let calls = self.growth.after_answer(self.calls, part, &self.config, now);
                        self.calls = within(calls, &self.config);
                    }
                    Some(Advice::Grow) | None => return None,
                }
            }
            Verdict::Overloaded { timeout } => {
                if timeout.is_some_and(|timeout| !self.patience.is_exhausted_by(timeout)) {
                    return None;
                }
                self.round.overloaded += 1;
                let lost = |took| self.flight.is_lost_with(took, sample.epoch, self.calls, now);
                if timeout.is_some_and(lost) {
                    self.back_off_far(now);
                } else if current {
                    self.back_off(now);
                } else {
                    return None;
                }
            }
            Verdict::Nothing => return None,
        }
        self.tell()
    }

    /// The configuration in force.
    pub const fn config(&self) -> &LimitConfig {
        &self.config
    }

    /// Puts another configuration in force, and keeps what was learnt, within the new bounds.
    ///
    /// # Errors
    /// What [`LimitConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&mut self, config: LimitConfig) -> Result<(), InvalidConfig> {
        config.validate()?;
        self.calls = within(self.calls, &config);
        if config.algorithm != self.config.algorithm {
            self.latency = Latency::default();
        }
        self.config = config;
        Ok(())
    }

    fn moves_by(&self, sample: &Sample) -> bool {
        self.calls < f64::from(self.config.max.get())
            && self.latency.lets_grow()
            && !sample.is_below_half(self.calls)
    }

    const fn looks_at_latency(&self) -> bool {
        matches!(self.config.algorithm, LimitAlgorithm::Vegas | LimitAlgorithm::Gradient)
    }

    fn judge(&mut self, took: Duration, in_flight: u32, now: Instant) -> Option<Advice> {
        if !self.looks_at_latency() {
            return None;
        }
        self.latency.record(took, in_flight, self.calls, &self.config, now)
    }

    fn back_off(&mut self, now: Instant) {
        let Round { answered, overloaded, slow, peak } = self.round;
        let share = (overloaded + slow) as f64 / (answered + overloaded) as f64;
        let used = self.calls.min(f64::from(peak) * 2.0);
        let left = used * (1.0 - (1.0 - self.config.backoff_ratio) * share.max(SHALLOWEST));
        self.cut(used, left, now);
        self.latency.restart();
    }

    /// As three of the deepest cuts.
    fn back_off_far(&mut self, now: Instant) {
        self.cut(self.calls, self.calls * self.config.backoff_ratio.powi(3), now);
        self.latency.restart();
        self.flight.begin(self.epoch);
    }

    fn cut(&mut self, used: f64, left: f64, now: Instant) {
        self.calls = within(left, &self.config);
        self.growth = Growth::after_cut(used, self.calls, now);
        self.epoch = self.epoch.next();
        self.round = Round::default();
    }

    fn tell(&mut self) -> Option<Event> {
        let arrived = self.calls >= f64::from(self.config.max.get()) && self.told < self.calls;
        let moved = self.calls >= self.told * 1.25 || self.calls <= self.told * 0.8;
        if !arrived && !moved {
            return None;
        }
        self.told = self.calls;
        Some(Event::LimitChanged { limit: self.calls })
    }
}

/// The limit, brought within the bounds.
fn within(limit: f64, config: &LimitConfig) -> f64 {
    let max = f64::from(config.max.get());
    if config.algorithm == LimitAlgorithm::Fixed { max } else { limit.clamp(config.min, max) }
}
