//! Whether the numbers of a configuration go together.
//!
//! [`PipelineConfig::validate`] refuses what cannot work. What works and yet makes an outage longer than it need be is
//! told here, with the numbers: .NET's standard handler checks four rules at its start; that retries fit into what the
//! backend can bear, nobody does.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use seawall_core::{HedgeConfig, InvalidConfig};
use serde::{Deserialize, Serialize};

use super::PipelineConfig;

/// What a target is expected to get and able to bear, by all clients together. Nothing is limited by it: it is what
/// [`PipelineConfig::lint`] judges the retry budget by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Calls that all clients make each second, retries aside. At least 0.
    pub calls_per_second: f64,
    /// How many clients (processes, each with a budget of its own) make them.
    pub clients: NonZeroU32,
    /// Calls a second that the target can bear. Above 0.
    pub capacity: f64,
}

impl Load {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let (calls, capacity) = (self.calls_per_second, self.capacity);
        if !(calls >= 0.0 && calls.is_finite()) {
            return Err(InvalidConfig::new("calls_per_second", calls, "must be at least 0"));
        }
        if !(capacity > 0.0 && capacity.is_finite()) {
            return Err(InvalidConfig::new("capacity", capacity, "must be above 0"));
        }
        Ok(())
    }
}

/// Numbers of a [`PipelineConfig`] that work against each other. Its `Display` is a sentence with the numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum StabilityWarning {
    /// When every attempt takes all of its time, the deadline leaves the last one less than half of its own.
    AttemptsOutlastDeadline {
        /// Attempts of a call.
        attempts: u32,
        /// The time of one.
        attempt_timeout: Duration,
        /// The longest waits between them, together.
        waits: Duration,
        /// The time of the call.
        deadline: Duration,
    },
    /// The breaker judges by a stretch of time in which hardly any attempt that hangs has ended, and by nothing else.
    WindowTooShort {
        /// The breaker's time window.
        window: Duration,
        /// The time of one attempt.
        attempt_timeout: Duration,
    },
    /// A probe of a half-open circuit is given up while it may still answer, or time out.
    LeaseTooShort {
        /// How long a probe holds its place.
        lease: Duration,
        /// The time of one attempt.
        attempt_timeout: Duration,
        /// The longest waits of a probe at the concurrency limit and at the rate limit, together.
        waits: Duration,
    },
    /// A call may wait for its turn until its deadline, so that it is let in when it is too late for it to be made.
    WaitsOutlastDeadline {
        /// The longest waits at the concurrency limit and at the rate limit, together.
        waits: Duration,
        /// The time of the call.
        deadline: Duration,
    },
    /// The last hedge is due when the call has no time left.
    HedgesOutlastDeadline {
        /// Attempts of a call beside the first.
        hedges: u32,
        /// How long after the one before each is sent, at the least.
        delay: Duration,
        /// The time of the call.
        deadline: Duration,
    },
    /// With all retries that the budgets allow while nothing works, the target gets more than it can bear: an outage that
    /// a spike began does not end with the spike.
    ///
    /// What retries add while some of them succeed is not in the sum. Those after failures that say nothing of load are
    /// lent and repaid, so there can be as many as calls have attempts; those after timeouts and overload are not.
    /// A target that reports its overload as an ordinary error may get more than this.
    RetriesExceedCapacity {
        /// What it is given and can bear.
        load: Load,
        /// Retries per call that the budget allows in the long run.
        ratio: f64,
        /// Retries a second that each client may make besides.
        trickle: f64,
        /// Calls and retries a second, at worst.
        amplified: f64,
    },
}

impl StabilityWarning {
    /// The rule, for filters: `attempts_outlast_deadline`, `window_too_short`, ….
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::AttemptsOutlastDeadline { .. } => "attempts_outlast_deadline",
            Self::WindowTooShort { .. } => "window_too_short",
            Self::LeaseTooShort { .. } => "lease_too_short",
            Self::WaitsOutlastDeadline { .. } => "waits_outlast_deadline",
            Self::HedgesOutlastDeadline { .. } => "hedges_outlast_deadline",
            Self::RetriesExceedCapacity { .. } => "retries_exceed_capacity",
        }
    }
}

impl fmt::Display for StabilityWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AttemptsOutlastDeadline { attempts, attempt_timeout, waits, deadline } => write!(
                f,
                "{attempts} attempts of {attempt_timeout:?} and up to {waits:?} of waits between them take longer than \
                 the deadline of {deadline:?}: the last attempt is never made, or cut short"
            ),
            Self::WindowTooShort { window, attempt_timeout } => write!(
                f,
                "the breaker's time window of {window:?} is shorter than two attempts of {attempt_timeout:?}, and \
                 there is no count window beside it: attempts that hang do not open the circuit"
            ),
            Self::LeaseTooShort { lease, attempt_timeout, waits } => write!(
                f,
                "the half-open lease of {lease:?} is not longer than an attempt of {attempt_timeout:?} and up to \
                 {waits:?} of waits before it: a probe that hangs is given up before it times out, and has no say"
            ),
            Self::WaitsOutlastDeadline { waits, deadline } => write!(
                f,
                "calls may wait {waits:?} for their turn and have a deadline of {deadline:?}: they are let in when it is \
                 too late"
            ),
            Self::HedgesOutlastDeadline { hedges, delay, deadline } => write!(
                f,
                "{hedges} hedges, each {delay:?} after the one before, do not fit into the deadline of {deadline:?}: the \
                 last is never sent"
            ),
            Self::RetriesExceedCapacity { load, ratio, trickle, amplified } => write!(
                f,
                "{} calls a second, {ratio} retries for each and {trickle} a second from each of {} clients are \
                 {amplified:.1} a second at worst, and the target bears {}: retries can keep it down",
                load.calls_per_second, load.clients, load.capacity
            ),
        }
    }
}

impl PipelineConfig {
    /// What works against itself in these numbers; the retry budget is judged by
    /// [`expected_load`](Self::expected_load), if that is given. A configuration that is not
    /// [valid](Self::validate) may be judged wrongly.
    ///
    /// ```
    /// use std::time::Duration;
    /// use seawall_tower::PipelineConfig;
    ///
    /// let hasty = PipelineConfig { deadline: Some(Duration::from_secs(12)), ..PipelineConfig::default() };
    /// assert_eq!(
    ///     hasty.lint()[0].to_string(),
    ///     "4 attempts of 8s and up to 350ms of waits between them take longer than the deadline of 12s: \
    ///      the last attempt is never made, or cut short"
    /// );
    /// assert!(PipelineConfig::default().lint().is_empty());
    /// ```
    pub fn lint(&self) -> Vec<StabilityWarning> {
        let warnings = [
            self.lint_attempts(),
            self.lint_window(),
            self.lint_lease(),
            self.lint_waits(),
            self.hedge.as_ref().and_then(|hedge| self.lint_hedge(hedge)),
            self.lint_load(),
        ];
        warnings.into_iter().flatten().collect()
    }

    /// What works against itself when calls through this pipeline are hedged: a [`Hedge`](crate::Hedge) around it, or a
    /// stack of one's own by these numbers.
    pub fn lint_hedge(&self, hedge: &HedgeConfig) -> Option<StabilityWarning> {
        let deadline = self.deadline?;
        // The moving quantile can be anything from here on up.
        let delay = hedge.fixed_delay.unwrap_or(hedge.minimum_delay);
        let hedges = hedge.max_hedges.get();
        (delay.saturating_mul(hedges) >= deadline).then_some(StabilityWarning::HedgesOutlastDeadline {
            hedges,
            delay,
            deadline,
        })
    }

    fn lint_attempts(&self) -> Option<StabilityWarning> {
        let (attempt_timeout, deadline) = (self.attempt_timeout?, self.deadline?);
        let attempts = self.retry.max_attempts.get();
        let waits = self.retry.longest_waits(deadline);
        let last_begins = attempt_timeout.saturating_mul(attempts - 1).saturating_add(waits);
        let last_has = deadline.saturating_sub(last_begins);
        (last_has < attempt_timeout / 2).then_some(StabilityWarning::AttemptsOutlastDeadline {
            attempts,
            attempt_timeout,
            waits,
            deadline,
        })
    }

    fn lint_window(&self) -> Option<StabilityWarning> {
        let (window, attempt_timeout) = (self.circuit_breaker.time_window?, self.longest_attempt()?);
        // A count window holds the last calls however long they took.
        let is_alone = self.circuit_breaker.count_window.is_none();
        let judges = self.circuit_breaker.failure_rate_threshold.is_some();
        (is_alone && judges && window < attempt_timeout.saturating_mul(2))
            .then_some(StabilityWarning::WindowTooShort { window, attempt_timeout })
    }

    fn lint_lease(&self) -> Option<StabilityWarning> {
        let (lease, attempt_timeout) = (self.circuit_breaker.half_open_lease, self.longest_attempt()?);
        // The limits stand between the circuit and the attempt.
        let waits = self.longest_turn();
        let probe = attempt_timeout.saturating_add(waits).min(self.deadline.unwrap_or(Duration::MAX));
        (lease <= probe).then_some(StabilityWarning::LeaseTooShort { lease, attempt_timeout, waits })
    }

    fn lint_waits(&self) -> Option<StabilityWarning> {
        let (waits, deadline) = (self.longest_turn(), self.deadline?);
        (waits >= deadline).then_some(StabilityWarning::WaitsOutlastDeadline { waits, deadline })
    }

    /// The test is `λ (1 + b) + N r < μ`: what retries add must leave the target able to catch up. The sum holds for an
    /// overload, whose failures are paid for, and for an outage of any kind, in which nothing repays what is lent.
    fn lint_load(&self) -> Option<StabilityWarning> {
        let load = self.expected_load?;
        let retries = f64::from(self.retry.max_attempts.get() - 1);
        // A call is not repeated more often than it has attempts, whatever the budget allows.
        let ratio = self.retry_budget.ratio.min(retries);
        let trickle = if retries > 0.0 { self.retry_budget.trickle } else { 0.0 };
        let amplified = load.calls_per_second * (1.0 + ratio) + f64::from(load.clients.get()) * trickle;
        (amplified >= load.capacity).then_some(StabilityWarning::RetriesExceedCapacity {
            load,
            ratio,
            trickle,
            amplified,
        })
    }

    /// How long an attempt may wait for its turn. Without a longest wait, the deadline cuts each where it makes no sense
    /// any more.
    fn longest_turn(&self) -> Duration {
        let of_limit = self.concurrency_limit.as_ref().and_then(|limit| limit.queue.max_wait);
        let of_rate = self.rate_limit.as_ref().and_then(|limit| limit.max_wait);
        of_limit.unwrap_or_default().saturating_add(of_rate.unwrap_or_default())
    }

    /// How long an attempt may take, if anything limits it.
    fn longest_attempt(&self) -> Option<Duration> {
        match (self.attempt_timeout, self.deadline) {
            (Some(attempt), Some(deadline)) => Some(attempt.min(deadline)),
            (attempt, deadline) => attempt.or(deadline),
        }
    }
}
