//! The shared budget, which gathers successes, beside a budget that is told of each at once.

use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{RetryBudget, RetryBudgetConfig, SharedRetryBudget, Slack};

use crate::retry_budget::{any_slack, some_instant};

#[derive(Clone, Copy, Debug)]
enum Step {
    Successes(u32),
    Success(Slack),
    Failure,
    Withdraw,
    Reward,
    Refund,
    Borrow,
    Repay,
    ReturnLoan,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u32..200).prop_map(Step::Successes),
        1 => any_slack().prop_map(Step::Success),
        2 => Just(Step::Failure),
        3 => Just(Step::Withdraw),
        1 => Just(Step::Reward),
        1 => Just(Step::Refund),
        // So many that it is found out that they are no good.
        9 => Just(Step::Borrow),
        1 => Just(Step::Repay),
        1 => Just(Step::ReturnLoan),
        3 => (0u64..30_000).prop_map(Step::Pass),
    ]
}

proptest! {
    /// The promise holds whatever is gathered: it is never laxer.
    #[test]
    fn gathering_never_pays_for_a_retry_that_the_exact_budget_would_refuse(
        ratio in 0.0f64..1.5,
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let mut now = some_instant();
        let config = RetryBudgetConfig { ratio, ..RetryBudgetConfig::default() };
        let mut exact = RetryBudget::new(config.clone(), now).unwrap();
        let shared = SharedRetryBudget::new(RetryBudget::new(config, now).unwrap());
        let (mut paid, mut lent) = (0u32, 0u32);
        for step in steps {
            match step {
                Step::Successes(calls) => {
                    for _ in 0..calls {
                        exact.record_first_try(true, now);
                        shared.record_success(Slack::FULL, || now);
                    }
                }
                Step::Success(slack) => {
                    exact.record_success(slack, now);
                    shared.record_success(slack, || now);
                }
                Step::Failure => {
                    exact.record_first_try(false, now);
                    shared.with(|shared| shared.record_first_try(false, now));
                }
                Step::Withdraw => {
                    // What the shared one pays, the exact one pays too, so that both stand for the same retries.
                    if shared.with(|shared| shared.withdraw(now)) {
                        prop_assert!(exact.withdraw(now));
                        paid += 1;
                    }
                }
                Step::Borrow => {
                    if shared.with(|shared| shared.borrow(now)) {
                        prop_assert!(exact.borrow(now));
                        lent += 1;
                    }
                }
                Step::Reward if paid > 0 => {
                    paid -= 1;
                    exact.reward(Slack::FULL, now);
                    shared.with(|shared| shared.reward(Slack::FULL, now));
                }
                Step::Refund if paid > 0 => {
                    paid -= 1;
                    exact.refund(now);
                    shared.with(|shared| shared.refund(now));
                }
                Step::Repay if lent > 0 => {
                    lent -= 1;
                    exact.repay(Slack::FULL, now);
                    shared.with(|shared| shared.repay(Slack::FULL, now));
                }
                Step::ReturnLoan if lent > 0 => {
                    lent -= 1;
                    exact.return_loan(now);
                    shared.with(|shared| shared.return_loan(now));
                }
                Step::Reward | Step::Refund | Step::Repay | Step::ReturnLoan => {}
                Step::Pass(millis) => now += Duration::from_millis(millis),
            }
            let (exact, shared) = (exact.balance(now), shared.with(|shared| shared.balance(now)));
            prop_assert!(shared <= exact + 1e-6, "{} is more than {}", shared, exact);
        }
    }

    /// Where calls are so few that it matters, every one is told of at once.
    #[test]
    fn calls_that_come_slowly_are_told_of_exactly(pauses in prop::collection::vec(150u64..5_000, 1..200)) {
        let mut now = some_instant();
        let config = RetryBudgetConfig::default();
        let mut exact = RetryBudget::new(config.clone(), now).unwrap();
        let shared = SharedRetryBudget::new(RetryBudget::new(config, now).unwrap());
        for pause in pauses {
            now += Duration::from_millis(pause);
            exact.record_first_try(true, now);
            shared.record_success(Slack::FULL, || now);
        }
        let (exact, shared) = (exact.balance(now), shared.with(|shared| shared.balance(now)));
        prop_assert!((exact - shared).abs() < 1e-6, "{} rather than {}", shared, exact);
    }
}

#[test]
fn busy_calls_ask_for_the_time_only_once_in_a_while() {
    let mut now = some_instant();
    let budget = SharedRetryBudget::new(RetryBudget::new(RetryBudgetConfig::default(), now).unwrap());
    let mut asked = 0;
    for _ in 0..100_000 {
        now += Duration::from_micros(10);
        budget.record_success(Slack::FULL, || {
            asked += 1;
            now
        });
    }
    assert!(asked < 100_000 / 50, "{asked} times");
    // And all of them were counted: the window holds the last second of calls.
    let balance = budget.with(|budget| budget.balance(now));
    assert!(balance > 9_900.0, "{balance}");
}

#[test]
fn the_measured_amplification_keeps_its_promise_through_the_gathering() {
    for ratio in [0.05, 0.1, 0.2, 0.5, 1.0] {
        let mut now = some_instant();
        let config = RetryBudgetConfig { ratio, ..RetryBudgetConfig::default() };
        let budget = SharedRetryBudget::new(RetryBudget::new(config, now).unwrap());
        for _ in 0..6_000 {
            now += Duration::from_millis(10);
            budget.record_success(Slack::FULL, || now);
        }
        let mut retries = 0;
        for _ in 0..1_000 {
            now += Duration::from_millis(10);
            budget.with(|budget| budget.record_first_try(false, now));
            retries += (0..2).filter(|_| budget.with(|budget| budget.withdraw(now))).count();
        }
        let amplification = retries as f64 / 1_000.0;
        assert!(amplification <= ratio + 0.01, "{ratio}: {amplification}");
        assert!(amplification >= ratio * 0.9 - 0.01, "{ratio}: {amplification}");
    }
}
