use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::InvalidConfig;
use crate::tally::Tally;
use crate::time_window::TimeWindow;

/// What a [`RetryBudget`] earns by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryBudgetForm {
    /// By outcome: first tries that succeed earn, and retries that succeed cost nothing. So a backend that fails now
    /// and then is retried freely, and one that is down is soon left alone.
    #[default]
    Outcome,
    /// By calls: every call earns, however it ends, every retry costs, and nothing is saved up but the reserve. So
    /// retries are `ratio` of the calls at most, whatever works and for how long; and just that much while nothing does.
    Ratio,
}

/// How much retrying a backend is spared.
///
/// | field | default | |
/// |---|---|---|
/// | `form` | `outcome` | what earns: `outcome`, first tries that succeed; `ratio`, all calls |
/// | `ratio` | `0.1` | retries per call when nothing works: what a call earns, and the cap's share of calls |
/// | `window` | `10s` | the stretch of calls that the cap looks at |
/// | `reserve` | `3.0` | the part of the cap that needs no calls |
/// | `trickle` | `0.1` | what comes back each second whatever happens, up to the cap |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryBudgetConfig {
    /// What earns. Default [`RetryBudgetForm::Outcome`].
    pub form: RetryBudgetForm,
    /// What a call earns, in retries, and in the outcome form the share of the recent calls that may be saved up.
    /// At least 0 and at most 10. Default 0.1.
    pub ratio: f64,
    /// The stretch of calls that the cap looks at. At least 10 ms. Default 10 s.
    #[serde(with = "crate::friendly_duration")]
    pub window: Duration,
    /// What may be saved up without any calls, in retries; also what a new budget holds. At least 0. Default 3.
    /// (The ratio form saves up one retry and what a call earns at least, or it could not pay for all that is earned.)
    pub reserve: f64,
    /// What comes back each second, in retries. At least 0. Default 0.1.
    pub trickle: f64,
}

impl Default for RetryBudgetConfig {
    fn default() -> Self {
        Self {
            form: RetryBudgetForm::Outcome,
            ratio: 0.1,
            window: Duration::from_secs(10),
            reserve: 3.0,
            trickle: 0.1,
        }
    }
}

impl RetryBudgetConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if !(0.0..=10.0).contains(&self.ratio) {
            return Err(InvalidConfig::new("ratio", self.ratio, "must be at least 0 and at most 10"));
        }
        for (field, value) in [("reserve", self.reserve), ("trickle", self.trickle)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(InvalidConfig::new(field, value, "must be at least 0"));
            }
        }
        if self.window < Duration::from_millis(10) {
            return Err(InvalidConfig::new("window", format!("{:?}", self.window), "must be at least 10ms"));
        }
        Ok(())
    }
}

/// A budget that retries and hedges are paid from, weighted by outcome (or plain: [`RetryBudgetForm::Ratio`]).
///
/// A retry costs 1. One that succeeds gets its cost back: it was worth it. One that fails does not, so when nothing
/// works the budget empties and retrying stops. A call that succeeds at its first try earns `ratio`; a trickle comes
/// in each second; and no more is saved up than `reserve + ratio × calls in the window`.
///
/// So the retries of a total outage are at most what was saved up plus the trickle: `ratio` of the calls of one window.
/// And as soon as first tries succeed, there is a budget again.
///
/// The refund is the AWS SDKs' (`standard` retry mode), the earnings and the reserve are Finagle's `RetryBudget`.
///
/// ```
/// use std::time::Instant;
/// use seawall_core::{RetryBudget, RetryBudgetConfig};
///
/// let now = Instant::now();
/// let mut budget = RetryBudget::new(RetryBudgetConfig::default(), now).unwrap();
/// assert!(budget.withdraw(now) && budget.withdraw(now) && budget.withdraw(now));
/// assert!(!budget.withdraw(now));
/// budget.reward(now); // the third retry succeeded
/// assert!(budget.withdraw(now));
/// ```
#[derive(Debug)]
pub struct RetryBudget {
    config: RetryBudgetConfig,
    calls: TimeWindow,
    balance: f64,
    updated: Instant,
}

impl RetryBudget {
    /// A budget that holds its reserve.
    ///
    /// # Errors
    /// What [`RetryBudgetConfig::validate`] says.
    pub fn new(config: RetryBudgetConfig, now: Instant) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(Self { calls: TimeWindow::new(config.window, now), balance: config.reserve, updated: now, config })
    }

    /// Takes note of a call's first try. Only calls that reached the backend count.
    pub fn record_first_try(&mut self, succeeded: bool, now: Instant) {
        self.calls.record(!succeeded, false, now);
        let earns = succeeded || self.config.form == RetryBudgetForm::Ratio;
        self.earn(if earns { self.config.ratio } else { 0.0 }, now);
    }

    /// Takes note of so many first tries that succeeded.
    pub fn record_successes(&mut self, calls: u32, now: Instant) {
        self.calls.record_all(Tally::successes(calls), now);
        self.earn(self.config.ratio * f64::from(calls), now);
    }

    /// The latest time that it was told of anything.
    pub const fn told_at(&self) -> Instant {
        self.updated
    }

    /// Pays for one retry. `false` if there is not enough, and then nothing is paid.
    #[must_use = "a retry that the budget refuses must not be made"]
    pub fn withdraw(&mut self, now: Instant) -> bool {
        self.settle(now);
        // Sums of tenths are a hair short of the whole they make.
        let enough = self.balance >= 1.0 - 1e-9;
        if enough {
            self.balance = (self.balance - 1.0).max(0.0);
        }
        enough
    }

    /// Takes note that a retry succeeded: it was worth its cost, and gets it back. Not in the ratio form.
    pub fn reward(&mut self, now: Instant) {
        if self.config.form == RetryBudgetForm::Outcome {
            self.refund(now);
        }
    }

    /// Gives back what one retry cost that never reached the backend.
    pub fn refund(&mut self, now: Instant) {
        self.earn(1.0, now);
    }

    /// What the budget holds, in retries.
    pub fn balance(&mut self, now: Instant) -> f64 {
        self.settle(now);
        self.balance
    }

    /// The configuration in force.
    pub const fn config(&self) -> &RetryBudgetConfig {
        &self.config
    }

    /// Puts another configuration in force, and keeps the window and what the new cap allows of the balance.
    ///
    /// # Errors
    /// What [`RetryBudgetConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&mut self, config: RetryBudgetConfig, now: Instant) -> Result<(), InvalidConfig> {
        config.validate()?;
        self.settle(now);
        self.calls = self.calls.resized(config.window, now);
        self.config = config;
        self.settle(now);
        Ok(())
    }

    fn earn(&mut self, retries: f64, now: Instant) {
        self.balance += retries;
        self.settle(now);
    }

    /// Lets the trickle in and holds the balance to the cap.
    fn settle(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.updated);
        self.updated = self.updated.max(now);
        self.calls.advance(now);
        let cap = match self.config.form {
            RetryBudgetForm::Outcome => {
                self.config.reserve + self.config.ratio * f64::from(self.calls.sum().calls)
            }
            // Just below one retry, a call's earnings must still fit, or fractions of them would be lost.
            RetryBudgetForm::Ratio => self.config.reserve.max(1.0 + self.config.ratio),
        };
        self.balance = (self.balance + self.config.trickle * passed.as_secs_f64()).min(cap);
    }
}
