use std::time::{Duration, Instant};

use seawall_core::{RetryBudget, RetryBudgetConfig};

pub(crate) fn some_instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "some instant to start from; no test depends on which")]
    Instant::now()
}

/// Calls that come at a steady pace, with as many retries as attempts and budget allow.
pub(crate) struct Load {
    pub(crate) budget: RetryBudget,
    pub(crate) now: Instant,
    pub(crate) calls: u32,
    pub(crate) attempts: u32,
}

impl Load {
    pub(crate) fn new(config: RetryBudgetConfig) -> Self {
        let now = some_instant();
        Self { budget: RetryBudget::new(config, now).unwrap(), now, calls: 0, attempts: 0 }
    }

    /// `per_second` calls a second for so long; each attempt succeeds as `works` says.
    pub(crate) fn run(&mut self, per_second: u32, time: Duration, mut works: impl FnMut() -> bool) {
        let pause = Duration::from_secs(1) / per_second;
        for _ in 0..(time.as_secs_f64() * f64::from(per_second)) as u32 {
            self.now += pause;
            self.calls += 1;
            self.attempts += 1;
            let mut succeeded = works();
            self.budget.record_first_try(succeeded, self.now);
            for _ in 0..2 {
                if succeeded || !self.budget.withdraw(self.now) {
                    break;
                }
                self.attempts += 1;
                succeeded = works();
                if succeeded {
                    self.budget.refund(self.now);
                }
            }
        }
    }

    pub(crate) fn amplification(&self) -> f64 {
        f64::from(self.attempts) / f64::from(self.calls)
    }
}

#[test]
fn a_total_outage_costs_no_more_than_the_ratio_promises_and_one_point() {
    for ratio in [0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 1.0, 1.5] {
        let mut load = Load::new(RetryBudgetConfig { ratio, ..RetryBudgetConfig::default() });
        load.run(100, Duration::from_mins(1), || true);
        (load.calls, load.attempts) = (0, 0);
        load.run(100, Duration::from_secs(10), || false);
        let amplification = load.amplification();
        assert!(amplification <= 1.0 + ratio + 0.01, "{ratio}: {amplification}");
        // And it is no budget that simply says no.
        assert!(amplification >= 1.0 + (ratio * 0.9).min(1.0) - 0.01, "{ratio}: {amplification}");
    }
}

#[test]
fn a_long_outage_costs_next_to_nothing() {
    let mut load = Load::new(RetryBudgetConfig::default());
    load.run(100, Duration::from_mins(1), || true);
    (load.calls, load.attempts) = (0, 0);
    load.run(100, Duration::from_mins(10), || false);
    assert!(load.amplification() <= 1.01, "{}", load.amplification());
}

#[test]
fn within_a_second_of_the_backend_coming_back_there_is_a_budget_again() {
    let mut load = Load::new(RetryBudgetConfig { trickle: 0.0, ..RetryBudgetConfig::default() });
    load.run(20, Duration::from_mins(2), || false);
    assert!(load.budget.balance(load.now) < 1.0);
    load.run(20, Duration::from_secs(1), || true);
    assert!(load.budget.balance(load.now) >= 1.0);
}

#[test]
fn retries_that_work_are_free() {
    let mut load = Load::new(RetryBudgetConfig::default());
    // Every second attempt fails: each call succeeds at its first or second.
    let mut flip = false;
    load.run(100, Duration::from_secs(30), || {
        flip = !flip;
        flip
    });
    assert!(load.budget.balance(load.now) >= 3.0);
}

#[test]
fn an_idle_budget_fills_to_its_reserve_and_no_further() {
    let mut load = Load::new(RetryBudgetConfig::default());
    while load.budget.withdraw(load.now) {}
    load.now += Duration::from_secs(10);
    assert!((load.budget.balance(load.now) - 1.0).abs() < 1e-9);
    load.now += Duration::from_hours(24);
    assert!((load.budget.balance(load.now) - 3.0).abs() < 1e-9);
}

#[test]
fn a_new_configuration_keeps_the_balance_that_its_cap_allows() {
    let mut load = Load::new(RetryBudgetConfig::default());
    load.run(100, Duration::from_mins(1), || true);
    let before = load.budget.balance(load.now);
    assert!(before > 90.0);
    let config = RetryBudgetConfig { ratio: 0.05, ..RetryBudgetConfig::default() };
    load.budget.reconfigure(config, load.now).unwrap();
    let after = load.budget.balance(load.now);
    assert!(after > 40.0 && after < 60.0, "{after}");
}
