mod config;

use std::time::{Duration, Instant};

pub use config::HedgeConfig;

use crate::{InvalidConfig, MovingQuantile};

/// Decides when a call that has not answered is sent a second time, and whether that can be afforded.
///
/// The delay is a quantile of the recent response times, so it follows the backend: when everything gets slower, nothing
/// is hedged sooner than before. And hedges are paid from a budget that each call adds a twentieth to, so that even a
/// delay that is wrong costs no more than that. Both are needed: see "The Tail at Scale" (J. Dean, L. A. Barroso,
/// CACM 56(2), 2013).
///
/// ```
/// use std::time::{Duration, Instant};
/// use seawall_core::{Hedge, HedgeConfig};
///
/// let now = Instant::now();
/// let mut hedge = Hedge::new(HedgeConfig::default(), now).unwrap();
/// assert_eq!(hedge.delay(), None, "nothing is known yet");
/// for millis in 1..=100 {
///     hedge.record_call();
///     hedge.record_time(Duration::from_millis(millis), now);
/// }
/// assert!((95..=101).contains(&hedge.delay().unwrap().as_millis()));
/// assert!(hedge.withdraw());
/// ```
#[derive(Clone, Debug)]
pub struct Hedge {
    config: HedgeConfig,
    times: MovingQuantile,
    balance: f64,
}

impl Hedge {
    /// Knows no response times yet, and holds the budget's reserve.
    ///
    /// # Errors
    /// What [`HedgeConfig::validate`] says.
    pub fn new(config: HedgeConfig, now: Instant) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let times = MovingQuantile::new(config.quantile, config.window, now);
        Ok(Self { times, balance: config.budget_reserve, config })
    }

    /// After how long without an answer an attempt is hedged, or `None` while too little is known to say.
    pub fn delay(&self) -> Option<Duration> {
        if self.config.fixed_delay.is_some() {
            return self.config.fixed_delay;
        }
        let known = self.times.samples() >= u64::from(self.config.minimum_samples.get());
        self.times.value().filter(|_| known).map(|delay| delay.max(self.config.minimum_delay))
    }

    /// Takes note of a call's end: it adds its part to the budget.
    pub fn record_call(&mut self) {
        self.earn(self.config.budget_ratio);
    }

    /// Takes note of how long a first attempt took.
    ///
    /// One that was cut off because a hedge answered sooner took at least as long as it had: record that time, or the
    /// quantile never hears of slow attempts and sinks. Do not record hedges: they are cut off sooner than the others.
    pub fn record_time(&mut self, took: Duration, now: Instant) {
        self.times.record(took, now);
    }

    /// Takes note of an attempt that met overload: it timed out, or the backend said so. It costs what a hedge costs, so
    /// where a twentieth of the attempts meets overload, none are left.
    pub fn record_overload(&mut self) {
        self.balance = (self.balance - 1.0).max(0.0);
    }

    /// Pays for one hedge. `false` if there is not enough, and then nothing is paid.
    #[must_use = "a hedge that the budget refuses must not be sent"]
    pub fn withdraw(&mut self) -> bool {
        // Sums of twentieths are a hair short of the whole they make.
        let enough = self.balance >= 1.0 - 1e-9;
        if enough {
            self.balance = (self.balance - 1.0).max(0.0);
        }
        enough
    }

    /// Gives back what one hedge cost: it was never sent.
    pub fn refund(&mut self) {
        self.earn(1.0);
    }

    /// What the budget holds, in hedges.
    pub const fn balance(&self) -> f64 {
        self.balance
    }

    /// The configuration in force.
    pub const fn config(&self) -> &HedgeConfig {
        &self.config
    }

    /// Puts another configuration in force. The response times stay, and so does what the new reserve allows of the
    /// budget.
    ///
    /// # Errors
    /// What [`HedgeConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&mut self, config: HedgeConfig) -> Result<(), InvalidConfig> {
        config.validate()?;
        self.times.retarget(config.quantile, config.window);
        self.config = config;
        self.earn(0.0);
        Ok(())
    }

    fn earn(&mut self, hedges: f64) {
        self.balance = (self.balance + hedges).min(self.config.budget_reserve);
    }
}
