mod admission;
mod config;
mod probes;
mod ramp;
mod state;
mod windows;

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

pub use admission::{Admission, Refused};
pub use config::CircuitBreakerConfig;
use probes::{Probes, Verdict};
use ramp::Ramp;
pub use state::{CircuitMode, CircuitState};
use windows::Windows;

use crate::{Epoch, Event, FailureKind, InvalidConfig, Outcome, Spread, exponential};

/// A circuit breaker as a plain value: it is told the time and is handed chance; it holds no lock and no clock.
///
/// It counts results in two windows at once, the last so many calls and the last so much time, and opens when either
/// holds too many failures or slow calls, or after some failures in a row. Open, it refuses. Once its time is over it
/// is half-open: a few probes decide, each with a lease, so that one that hangs or is dropped decides nothing and
/// blocks nothing. Closed again, it lets calls in by degrees. Every admission carries the [`Epoch`] it was given in:
/// a late result never decides a later cycle.
///
/// The pattern is M. Nygard's (*Release It!*, 2007); rates, slow calls and probes are as in resilience4j.
/// Recording costs the same however full the windows are.
///
/// ```
/// use std::time::{Duration, Instant};
/// use seawall_core::{CircuitBreaker, CircuitBreakerConfig, CircuitState, FailureKind, Outcome};
///
/// let mut rng = fastrand::Rng::with_seed(1);
/// let now = Instant::now();
/// let mut breaker = CircuitBreaker::new(CircuitBreakerConfig::default(), now).unwrap();
/// for _ in 0..50 {
///     let admission = breaker.enter(now).unwrap();
///     breaker.exit(admission, Some(Outcome::failure(FailureKind::Transient)), now, &mut rng);
/// }
/// assert_eq!(breaker.state(), CircuitState::Open);
/// assert!(breaker.enter(now).unwrap_err().retry_after.unwrap() <= Duration::from_secs(3));
/// ```
#[derive(Debug)]
pub struct CircuitBreaker {
    config: CircuitBreakerConfig,
    mode: CircuitMode,
    phase: Phase,
    epoch: Epoch,
    windows: Windows,
    growth: Growth,
    // Until when the backend has asked to be left alone.
    asked_until: Option<Instant>,
}

#[derive(Debug)]
enum Phase {
    Closed { ramp: Option<Ramp> },
    Open { until: Instant },
    HalfOpen(Probes),
}

/// How the open time grows from one opening to the next.
#[derive(Debug)]
struct Growth {
    openings: u32,
    spread: Spread,
    last_wait: Duration,
    closed_at: Option<Instant>,
}

impl Growth {
    const fn new(config: &CircuitBreakerConfig) -> Self {
        Self {
            openings: 0,
            spread: Spread::new(config.wait_jitter, config.max_wait_duration_in_open),
            last_wait: Duration::ZERO,
            closed_at: None,
        }
    }
}

impl CircuitBreaker {
    /// A closed circuit.
    ///
    /// # Errors
    /// What [`CircuitBreakerConfig::validate`] says.
    pub fn new(config: CircuitBreakerConfig, now: Instant) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(Self {
            windows: Windows::new(&config, now),
            growth: Growth::new(&config),
            config,
            mode: CircuitMode::Auto,
            phase: Phase::Closed { ramp: None },
            epoch: Epoch::default(),
            asked_until: None,
        })
    }

    /// Asks for leave to make a call. What it gives must come back by [`exit`](Self::exit).
    ///
    /// # Errors
    /// [`Refused`] when the circuit is open, when a half-open one has its probes, and for a share of the calls just
    /// after it closed.
    pub fn enter(&mut self, now: Instant) -> Result<Admission, Refused> {
        match self.mode {
            CircuitMode::Auto | CircuitMode::ForcedClosed => self.decide(now),
            CircuitMode::ForcedOpen => Err(Refused::FORCED_OPEN),
            CircuitMode::Disabled => Ok(Admission::uncounted()),
            CircuitMode::MetricsOnly => Ok(self.decide(now).unwrap_or_else(|_| Admission::uncounted())),
        }
    }

    fn decide(&mut self, now: Instant) -> Result<Admission, Refused> {
        let mut half_opened = false;
        if let Phase::Open { until } = self.phase {
            if now < until {
                return Err(Refused::open(until.saturating_duration_since(now)));
            }
            self.begin(Phase::HalfOpen(Probes::default()));
            half_opened = true;
        }
        let mut probe = None;
        match &mut self.phase {
            Phase::Closed { ramp: slot } => match slot {
                Some(ramp) if !ramp.is_over(now) => ramp.admit(now).map_err(|left| Refused {
                    reason: "circuit has just closed and lets calls in by degrees",
                    retry_after: Some(left),
                })?,
                _ => *slot = None,
            },
            Phase::HalfOpen(probes) => {
                probe = Some(probes.admit(&self.config, now).map_err(|left| Refused {
                    reason: "circuit is half-open and has its probes",
                    retry_after: Some(left),
                })?);
            }
            Phase::Open { .. } => unreachable!("an open circuit was refused or made half-open above"),
        }
        Ok(Admission { epoch: Some(self.epoch), probe, began: Some(now), half_opened })
    }

    /// Takes an admission back with the result of its call, or `None` if the call was dropped, and says if that
    /// changed the circuit: [`Event::Opened`] or [`Event::Closed`].
    ///
    /// A dropped call counts for nothing, like one that was cancelled or that we refused ourselves further down. A
    /// permanent failure counts as a success: the backend answered.
    #[expect(clippy::needless_pass_by_value, reason = "an admission is handed back once and then gone")]
    pub fn exit(
        &mut self,
        admission: Admission,
        outcome: Option<Outcome>,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Option<Event> {
        let Admission { epoch, probe, began, .. } = admission;
        self.take_back(epoch?, probe, began, outcome, now, rng)
    }

    /// The same for a call that flowed, by [`Admission::flowing`]: `began` if anybody said when it started.
    pub fn exit_flowing(
        &mut self,
        epoch: Epoch,
        began: Option<Instant>,
        outcome: Outcome,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Option<Event> {
        self.take_back(epoch, None, began, Some(outcome), now, rng)
    }

    fn take_back(
        &mut self,
        epoch: Epoch,
        probe: Option<NonZeroU64>,
        began: Option<Instant>,
        outcome: Option<Outcome>,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Option<Event> {
        if epoch != self.epoch || self.mode == CircuitMode::Disabled {
            return None;
        }
        let failed = outcome.and_then(Outcome::speaks_against_backend);
        let took = began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        let slow = self.heeds_slowness() && took >= self.config.slow_call_duration;
        match (&mut self.phase, probe) {
            (Phase::HalfOpen(probes), Some(serial)) => {
                let failed = (probes.release(serial, &self.config, now).then_some(failed)?)?;
                self.note_wait(outcome, now);
                let failed = failed || slow;
                let Phase::HalfOpen(probes) = &mut self.phase else { return None };
                match probes.record(!failed, &self.config)? {
                    Verdict::Close => Some(self.close(now)),
                    Verdict::Open => Some(self.open(now, rng)),
                }
            }
            (Phase::Closed { .. }, None) => {
                let failed = failed?;
                self.windows.record(failed, slow, now);
                if !failed && !slow {
                    return None;
                }
                self.note_wait(outcome, now);
                let may_open = self.mode != CircuitMode::ForcedClosed;
                (may_open && self.windows.trip(&self.config)).then(|| self.open(now, rng))
            }
            _ => None,
        }
    }

    /// What the circuit does with calls. An open circuit whose time is over stays `Open` until the next call asks.
    pub const fn state(&self) -> CircuitState {
        match self.mode {
            CircuitMode::Auto => match self.phase {
                Phase::Closed { .. } => CircuitState::Closed,
                Phase::Open { .. } => CircuitState::Open,
                Phase::HalfOpen(_) => CircuitState::HalfOpen,
            },
            CircuitMode::ForcedOpen => CircuitState::ForcedOpen,
            CircuitMode::ForcedClosed => CircuitState::ForcedClosed,
            CircuitMode::Disabled => CircuitState::Disabled,
            CircuitMode::MetricsOnly => CircuitState::MetricsOnly,
        }
    }

    /// The epoch in which every call may pass unasked, by [`Admission::flowing`]: while the circuit is closed and past
    /// its ramp. It ends when the circuit opens or is switched.
    pub const fn flowing(&self) -> Option<Epoch> {
        match (self.mode, &self.phase) {
            (CircuitMode::ForcedOpen, _) => None,
            (_, Phase::Closed { ramp: None }) => Some(self.epoch),
            _ => None,
        }
    }

    /// Until when every call is refused by the circuit's own decision; `None` unless it is open.
    pub const fn open_until(&self) -> Option<Instant> {
        match (self.mode, &self.phase) {
            (CircuitMode::Auto, Phase::Open { until }) => Some(*until),
            _ => None,
        }
    }

    /// Whether it matters how long calls take. If not, nobody need measure them: none is slow, whatever `began` says.
    pub const fn heeds_slowness(&self) -> bool {
        self.config.slow_call_rate_threshold.is_some()
    }

    /// Whether every call flows and one that succeeds and is not slow changes nothing, so that it need not be handed
    /// back.
    pub fn is_unmoved_by_success(&self) -> bool {
        self.flowing().is_some()
            && (self.mode == CircuitMode::Disabled || self.windows.are_unmoved_by_success())
    }

    /// The configuration in force.
    pub const fn config(&self) -> &CircuitBreakerConfig {
        &self.config
    }

    /// Puts another configuration in force. Windows keep what they hold; a half-open round begins anew.
    ///
    /// # Errors
    /// What [`CircuitBreakerConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&mut self, config: CircuitBreakerConfig, now: Instant) -> Result<(), InvalidConfig> {
        config.validate()?;
        self.windows = self.windows.resized(&config, now);
        self.growth.spread = Spread::new(config.wait_jitter, config.max_wait_duration_in_open);
        self.config = config;
        if matches!(self.phase, Phase::HalfOpen(_)) {
            self.begin(Phase::HalfOpen(Probes::default()));
        }
        Ok(())
    }

    /// Puts an operator's will, or with [`CircuitMode::Auto`] the breaker's own, in force. The circuit starts closed
    /// and empty, by degrees if it was forced open. [`Event::Forced`] if that changed anything.
    pub fn switch(&mut self, mode: CircuitMode, now: Instant) -> Option<Event> {
        if mode == self.mode {
            return None;
        }
        let ramp = (self.mode == CircuitMode::ForcedOpen && mode == CircuitMode::Auto)
            .then(|| Ramp::new(now, self.config.ramp));
        self.mode = mode;
        self.begin(Phase::Closed { ramp });
        self.windows = Windows::new(&self.config, now);
        self.growth = Growth::new(&self.config);
        self.asked_until = None;
        Some(Event::Forced { state: mode.as_str() })
    }

    fn begin(&mut self, phase: Phase) {
        self.epoch = self.epoch.next();
        self.phase = phase;
    }

    fn close(&mut self, now: Instant) -> Event {
        let ramp = (!self.config.ramp.is_zero()).then(|| Ramp::new(now, self.config.ramp));
        self.begin(Phase::Closed { ramp });
        self.windows = Windows::new(&self.config, now);
        self.growth.closed_at = Some(now);
        self.asked_until = None;
        Event::Closed
    }

    fn open(&mut self, now: Instant, rng: &mut fastrand::Rng) -> Event {
        let config = &self.config;
        // A circuit that stayed closed for longer than it last was open has proved itself.
        let proved = self.growth.closed_at.is_some_and(|closed| {
            now.saturating_duration_since(closed) >= self.growth.last_wait.max(config.ramp)
        });
        if proved {
            self.growth = Growth::new(config);
        }
        let longest = config.max_wait_duration_in_open;
        let planned =
            exponential(config.wait_duration_in_open, config.wait_factor, self.growth.openings, longest);
        let asked =
            self.asked_until.take().map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let wait = self.growth.spread.next(planned, rng).max(asked.min(longest));
        self.growth.openings = self.growth.openings.saturating_add(1);
        self.growth.last_wait = wait;
        self.growth.closed_at = None;
        // A time beyond what the clock can hold: ask again at once rather than never.
        let until = now.checked_add(wait).unwrap_or(now);
        self.begin(Phase::Open { until });
        Event::Opened { wait }
    }

    fn note_wait(&mut self, outcome: Option<Outcome>, now: Instant) {
        let Some(FailureKind::Overloaded { retry_after: Some(wait) }) =
            outcome.and_then(Outcome::failure_kind)
        else {
            return;
        };
        let until = now.checked_add(wait.min(self.config.max_wait_duration_in_open));
        self.asked_until = self.asked_until.max(until);
    }
}
