use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::tally::Tally;
use crate::time_window::TimeWindow;
use crate::{InvalidConfig, Slack};

/// How much each borrowed retry counts in what is believed of them.
const WEIGHT: f64 = 1.0 / 32.0;
/// Below this share of successes, borrowed retries are no good.
const LEAST_EFFICACY: f64 = 0.02;
/// No better is believed of them, so that it does not take long to find out that they have become no good.
const MOST_BELIEVED: f64 = 0.2;

/// What a [`RetryBudget`] earns by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryBudgetForm {
    /// By outcome: first tries that succeed earn, and retries that succeed cost nothing. So a backend that fails now
    /// and then is retried freely, and one that is down is soon left alone; in between, it matters whether the failures
    /// may be a matter of load.
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
/// A retry costs 1. What it costs depends on what it follows:
/// - After a timeout or an overload it is [withdrawn](Self::withdraw): the backend may fail because of its load, and
///   every retry is more of it. Only a retry that succeeds gets its own cost [back](Self::reward): it was worth it.
/// - After another failure it is [borrowed](Self::borrow): the failure says nothing of load, and as long as the backend
///   answers some of the calls, asking again is what gets the others answered. One that succeeds repays fifty
///   of them; and while at least a fiftieth of them do, any other success repays all.
///
/// Where failures take the backend as much work as answers, borrowed retries fill its queue, and it shows in how long
/// answers take. So a success repays others only as far as it had [`Slack`]: retries level off where the backend is
/// busy, before anything times out.
///
/// A call that succeeds at its first try earns `ratio`; a trickle comes in each second; and no more is saved up than
/// `reserve + ratio × calls in the window`.
///
/// So the retries of a total outage are at most what was saved up plus the trickle: `ratio` of the calls of one window.
/// As soon as first tries succeed, there is a budget again. A backend that is half broken stays half useful; and if the same
/// calls fail whenever they are made, some seventy retries find that out, and then they are `ratio` of the calls as well.
///
/// The refund is the AWS SDKs' (`standard` retry mode), the earnings and the reserve are Finagle's `RetryBudget`.
///
/// ```
/// use std::time::Instant;
/// use seawall_core::{RetryBudget, RetryBudgetConfig, Slack};
///
/// let now = Instant::now();
/// let mut budget = RetryBudget::new(RetryBudgetConfig::default(), now).unwrap();
/// assert!(budget.withdraw(now) && budget.withdraw(now) && budget.withdraw(now));
/// assert!(!budget.withdraw(now));
/// budget.reward(Slack::FULL, now); // the third retry succeeded
/// assert!(budget.withdraw(now));
/// ```
#[derive(Debug)]
pub struct RetryBudget {
    config: RetryBudgetConfig,
    calls: TimeWindow,
    balance: f64,
    /// What was borrowed and not repaid.
    lent: f64,
    /// The share of borrowed retries that succeed: the last few dozen of them, and believed only up to a point.
    efficacy: f64,
    updated: Instant,
}

impl RetryBudget {
    /// A budget that holds its reserve.
    ///
    /// # Errors
    /// What [`RetryBudgetConfig::validate`] says.
    pub fn new(config: RetryBudgetConfig, now: Instant) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(Self {
            calls: TimeWindow::new(config.window, now),
            balance: config.reserve,
            lent: 0.0,
            efficacy: MOST_BELIEVED,
            updated: now,
            config,
        })
    }

    /// Takes note of a call's first try; one that succeeds is taken for quick. Only calls that reached the backend count.
    pub fn record_first_try(&mut self, succeeded: bool, now: Instant) {
        if succeeded {
            return self.record_success(Slack::FULL, now);
        }
        self.calls.record(true, false, now);
        let earns = self.config.form == RetryBudgetForm::Ratio;
        self.earn(if earns { self.config.ratio } else { 0.0 }, now);
    }

    /// Takes note of a first try that succeeded.
    pub fn record_success(&mut self, slack: Slack, now: Instant) {
        self.calls.record(false, false, now);
        self.forgive(slack);
        self.earn(self.config.ratio, now);
    }

    /// Takes note of so many first tries that succeeded quickly.
    pub fn record_successes(&mut self, calls: u32, now: Instant) {
        self.calls.record_all(Tally::successes(calls), now);
        if calls > 0 {
            self.forgive(Slack::FULL);
        }
        self.earn(self.config.ratio * f64::from(calls), now);
    }

    /// The latest time that it was told of anything.
    pub const fn told_at(&self) -> Instant {
        self.updated
    }

    /// Pays for one retry after a timeout or an overload, or for a hedge. `false` if there is not enough, and then nothing
    /// is paid.
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

    /// Takes note that a [withdrawn](Self::withdraw) retry succeeded: it was worth its cost, and gets it back. Not in the
    /// ratio form.
    pub fn reward(&mut self, slack: Slack, now: Instant) {
        self.forgive(slack);
        if self.config.form == RetryBudgetForm::Outcome {
            self.refund(now);
        }
    }

    /// Gives back what one [withdrawn](Self::withdraw) retry cost that never reached the backend.
    pub fn refund(&mut self, now: Instant) {
        self.earn(1.0, now);
    }

    /// Pays for one retry after a failure that says nothing of load, until it is repaid. `false` if there is not enough,
    /// and then nothing is paid. In the ratio form nothing is repaid.
    #[must_use = "a retry that the budget refuses must not be made"]
    pub fn borrow(&mut self, now: Instant) -> bool {
        let enough = self.withdraw(now);
        if enough && self.config.form == RetryBudgetForm::Outcome {
            self.lent += 1.0;
            // Taken for a failure until it succeeds.
            self.efficacy *= 1.0 - WEIGHT;
        }
        enough
    }

    /// Takes note that a [borrowed](Self::borrow) retry succeeded: it repays its own cost, and as far as it had slack what
    /// else was borrowed, up to fifty retries of it.
    pub fn repay(&mut self, slack: Slack, now: Instant) {
        self.efficacy = (self.efficacy + WEIGHT).min(MOST_BELIEVED);
        // One success makes up for as many retries as may be in vain for each, or many calls could live on one.
        let own = self.lent.min(1.0);
        let back = (self.lent * slack.share()).clamp(own, 1.0 / LEAST_EFFICACY);
        self.lent -= back;
        self.earn(back, now);
    }

    /// Gives back what one [borrowed](Self::borrow) retry cost that never reached the backend, unless it was repaid.
    pub fn return_loan(&mut self, now: Instant) {
        let back = if self.config.form == RetryBudgetForm::Outcome { self.lent.min(1.0) } else { 1.0 };
        self.lent = (self.lent - back).max(0.0);
        self.efficacy = (self.efficacy / (1.0 - WEIGHT)).min(MOST_BELIEVED);
        self.earn(back, now);
    }

    /// A success that was no borrowed retry repays what was borrowed, as far as it had slack, and as long as borrowing does
    /// some good. It leaves it to what is earned next, or asked, to hold the balance to the cap: every success comes by here.
    fn forgive(&mut self, slack: Slack) {
        if self.efficacy >= LEAST_EFFICACY {
            let back = self.lent * slack.share();
            self.lent -= back;
            self.balance += back;
        }
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
