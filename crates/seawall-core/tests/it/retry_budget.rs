use std::time::{Duration, Instant};

use proptest::prelude::*;
use seawall_core::{RetryBudget, RetryBudgetConfig, RetryBudgetForm, Slack};

pub(crate) fn some_instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "some instant to start from; no test depends on which")]
    Instant::now()
}

/// Of answers that are there at once, and of some that have hardly made it.
pub(crate) fn any_slack() -> impl Strategy<Value = Slack> {
    (0u64..1_200).prop_map(|took| Slack::after(Duration::from_millis(took), Duration::from_secs(1)))
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
        self.run_tries(per_second, time, |_| works());
    }

    /// The same, where `works` is told whether the attempt is a first try.
    pub(crate) fn run_tries(&mut self, per_second: u32, time: Duration, mut works: impl FnMut(bool) -> bool) {
        let pause = Duration::from_secs(1) / per_second;
        for _ in 0..(time.as_secs_f64() * f64::from(per_second)) as u32 {
            self.now += pause;
            self.calls += 1;
            self.attempts += 1;
            let mut succeeded = works(true);
            self.budget.record_first_try(succeeded, self.now);
            for _ in 0..2 {
                if succeeded || !self.budget.withdraw(self.now) {
                    break;
                }
                self.attempts += 1;
                succeeded = works(false);
                if succeeded {
                    self.budget.reward(Slack::FULL, self.now);
                }
            }
        }
    }

    /// Counts from here on.
    pub(crate) fn restart(&mut self) {
        (self.calls, self.attempts) = (0, 0);
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
        load.restart();
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
    load.restart();
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

/// What the issue of every budget is about: 0.6 must not mean 100 %, and 0.05 must not mean none.
const RATIOS: [f64; 8] = [0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 1.0];

fn ratio_form(ratio: f64) -> RetryBudgetConfig {
    RetryBudgetConfig { form: RetryBudgetForm::Ratio, ratio, ..RetryBudgetConfig::default() }
}

/// True once in so many tries, in an order that only the seed knows.
fn one_in(n: u32, seed: u64) -> impl FnMut() -> bool {
    let mut rng = fastrand::Rng::with_seed(seed);
    move || rng.u32(0..n) == 0
}

#[test]
fn the_ratio_form_costs_just_its_ratio_for_as_long_as_nothing_works() {
    for ratio in RATIOS {
        for (reserve, healthy) in [(0.0, 0), (0.0, 60), (1.0, 60), (3.0, 0), (3.0, 60)] {
            let mut load = Load::new(RetryBudgetConfig { reserve, ..ratio_form(ratio) });
            load.run(100, Duration::from_secs(healthy), || true);
            load.restart();
            for stretch in 0..12 {
                load.run(100, Duration::from_secs(10), || false);
                let amplification = load.amplification();
                let off = amplification - 1.0 - ratio;
                assert!(
                    off.abs() <= 0.01,
                    "{ratio}, reserve {reserve}, after {healthy} s, stretch {stretch}: {amplification}"
                );
            }
        }
    }
}

#[test]
fn the_ratio_form_never_costs_more_than_its_ratio_however_much_works() {
    for ratio in RATIOS {
        for n in [2, 3, 10] {
            let mut load = Load::new(ratio_form(ratio));
            load.run(100, Duration::from_mins(2), one_in(n, 7));
            assert!(
                load.amplification() <= 1.0 + ratio + 0.01,
                "{ratio}, 1 in {n}: {}",
                load.amplification()
            );
        }
    }
}

#[test]
fn where_half_of_the_first_tries_fail_and_no_retry_helps_either_form_keeps_to_its_ratio() {
    for form in [RetryBudgetForm::Outcome, RetryBudgetForm::Ratio] {
        for ratio in RATIOS {
            let mut load = Load::new(RetryBudgetConfig { form, ..ratio_form(ratio) });
            load.run(100, Duration::from_mins(1), || true);
            load.restart();
            let mut half = one_in(2, 11);
            load.run_tries(100, Duration::from_mins(1), |first| first && half());
            let amplification = load.amplification();
            assert!(amplification <= 1.0 + ratio + 0.01, "{form:?} {ratio}: {amplification}");
            assert!(amplification > 1.0 + ratio * 0.4, "{form:?} {ratio}: {amplification}");
        }
    }
}

#[test]
fn a_drained_budget_pays_again_within_a_second_of_the_backend_coming_back() {
    for form in [RetryBudgetForm::Outcome, RetryBudgetForm::Ratio] {
        for ratio in RATIOS {
            let mut load = Load::new(RetryBudgetConfig { form, trickle: 0.0, ..ratio_form(ratio) });
            load.run(100, Duration::from_mins(10), || false);
            load.run(100, Duration::from_secs(1), || true);
            load.restart();
            load.run_tries(100, Duration::from_millis(10), |first| !first);
            assert_eq!((load.calls, load.attempts), (1, 2), "{form:?} {ratio}");
        }
    }
}

#[test]
fn a_retry_that_works_costs_as_much_as_another_in_the_ratio_form_and_one_never_sent_costs_nothing() {
    let mut load = Load::new(RetryBudgetConfig { trickle: 0.0, ..ratio_form(0.1) });
    assert!(load.budget.withdraw(load.now));
    load.budget.reward(Slack::FULL, load.now);
    assert!((load.budget.balance(load.now) - 2.0).abs() < 1e-9);
    assert!(load.budget.withdraw(load.now));
    load.budget.refund(load.now);
    assert!((load.budget.balance(load.now) - 2.0).abs() < 1e-9);
}

#[test]
fn the_ratio_form_without_a_reserve_can_still_pay() {
    let mut load = Load::new(RetryBudgetConfig { reserve: 0.0, trickle: 0.0, ..ratio_form(0.2) });
    load.run(100, Duration::from_mins(1), || false);
    assert!((load.amplification() - 1.2).abs() <= 0.001, "{}", load.amplification());
}

#[test]
fn what_is_borrowed_comes_back_with_the_next_success_of_any_call() {
    let mut load = Load::new(RetryBudgetConfig::default());
    for _ in 0..3 {
        assert!(load.budget.borrow(load.now));
    }
    assert!(!load.budget.borrow(load.now), "the reserve is lent out");
    load.budget.record_first_try(false, load.now);
    assert!(!load.budget.borrow(load.now), "a failure repays nothing");
    load.budget.record_first_try(true, load.now);
    assert!(load.budget.balance(load.now) >= 3.0);
}

#[test]
fn an_answer_repays_as_much_of_what_is_borrowed_as_it_had_time_left() {
    let at = |share: f64| {
        Slack::after(Duration::from_secs(1).mul_f64(0.125 + 0.875 * (1.0 - share)), Duration::from_secs(1))
    };
    let lent_four = || {
        let mut load = Load::new(RetryBudgetConfig {
            reserve: 8.0,
            ratio: 0.0,
            trickle: 0.0,
            ..RetryBudgetConfig::default()
        });
        assert!((0..4).all(|_| load.budget.borrow(load.now)));
        load
    };
    for (share, left) in [(1.0, 8.0), (0.5, 6.0), (0.0, 4.0)] {
        let mut load = lent_four();
        load.budget.record_success(at(share), load.now);
        assert!((load.budget.balance(load.now) - left).abs() < 1e-9, "{share}");
    }
    // A borrowed retry is worth its own cost at least.
    for (share, left) in [(1.0, 8.0), (0.5, 6.0), (0.0, 5.0)] {
        let mut load = lent_four();
        load.budget.repay(at(share), load.now);
        assert!((load.budget.balance(load.now) - left).abs() < 1e-9, "{share}");
    }
    // So is one that was withdrawn, and it repays others as any success does.
    for (share, left) in [(1.0, 8.0), (0.5, 6.0), (0.0, 4.0)] {
        let mut load = lent_four();
        assert!(load.budget.withdraw(load.now));
        load.budget.reward(at(share), load.now);
        assert!((load.budget.balance(load.now) - left).abs() < 1e-9, "{share}");
    }
}

#[test]
fn slow_answers_keep_a_backend_that_fails_at_its_own_cost_from_being_asked_without_end() {
    let late = Slack::after(Duration::from_secs(9), Duration::from_secs(10));
    for (slack, amplification) in [(Slack::FULL, 2.0..2.2), (late, 1.4..1.7)] {
        let mut load = Load::new(RetryBudgetConfig::default());
        let mut random = fastrand::Rng::with_seed(1);
        let (calls, mut attempts) = (10_000, 0);
        for _ in 0..calls {
            load.now += Duration::from_millis(80);
            for attempt in 1..=4 {
                attempts += 1;
                let succeeded = random.f64() < 0.1;
                match (attempt, succeeded) {
                    (1, true) => load.budget.record_success(slack, load.now),
                    (1, false) => load.budget.record_first_try(false, load.now),
                    (_, true) => load.budget.repay(slack, load.now),
                    _ => {}
                }
                if succeeded || attempt == 4 || !load.budget.borrow(load.now) {
                    break;
                }
            }
        }
        let measured = f64::from(attempts) / f64::from(calls);
        assert!(amplification.contains(&measured), "{slack:?}: {measured}");
    }
}

#[test]
fn what_is_withdrawn_does_not_come_back_with_the_success_of_another_call() {
    let mut load = Load::new(RetryBudgetConfig::default());
    assert!(load.budget.withdraw(load.now) && load.budget.withdraw(load.now));
    load.budget.record_first_try(true, load.now);
    assert!((load.budget.balance(load.now) - 1.1).abs() < 1e-9);
    load.budget.reward(Slack::FULL, load.now);
    assert!((load.budget.balance(load.now) - 2.1).abs() < 1e-9);
}

#[test]
fn a_borrowed_retry_that_was_never_sent_gives_its_cost_back_once() {
    let mut load = Load::new(RetryBudgetConfig::default());
    assert!(load.budget.borrow(load.now));
    load.budget.return_loan(load.now);
    assert!((load.budget.balance(load.now) - 3.0).abs() < 1e-9);
    assert!(load.budget.borrow(load.now) && load.budget.borrow(load.now) && load.budget.borrow(load.now));
    load.budget.repay(Slack::FULL, load.now);
    assert!(load.budget.withdraw(load.now));
    load.budget.return_loan(load.now);
    assert!(load.budget.balance(load.now) < 2.2, "a success had repaid it already");
}

#[test]
fn calls_that_always_fail_are_soon_not_retried_though_others_succeed() {
    let mut load = Load::new(RetryBudgetConfig::default());
    let mut paid = 0;
    for _ in 0..100_000 {
        load.now += Duration::from_millis(1);
        load.budget.record_first_try(true, load.now);
        load.budget.record_first_try(false, load.now);
        paid += u32::from(load.budget.borrow(load.now));
    }
    // 100 s: what was saved up, and a tenth of those that succeed; what it takes to find out is lost in that.
    assert!(paid <= 100_000 / 10 + 10 + 3 + 80, "{paid}");
}

#[test]
fn one_retry_in_ten_that_succeeds_keeps_the_others_going() {
    let mut load = Load::new(RetryBudgetConfig::default());
    let mut random = fastrand::Rng::with_seed(1);
    load.run(100, Duration::from_secs(10), || true);
    let (mut wanted, mut paid) = (0, 0);
    for _ in 0..6_000 {
        load.now += Duration::from_millis(10);
        let succeeded = random.f64() < 0.1;
        load.budget.record_first_try(succeeded, load.now);
        if !succeeded {
            wanted += 1;
            if load.budget.borrow(load.now) {
                paid += 1;
                if random.f64() < 0.1 {
                    load.budget.repay(Slack::FULL, load.now);
                }
            }
        }
    }
    assert!(f64::from(paid) > 0.99 * f64::from(wanted), "{paid} of {wanted}");
}
