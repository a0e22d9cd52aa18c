use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{RetryBudget, RetryBudgetConfig, RetryBudgetForm, Slack};

use crate::retry_budget::{any_slack, some_instant};

#[derive(Clone, Copy, Debug)]
enum Step {
    FirstTry(bool),
    Success(Slack),
    Withdraw,
    Refund,
    Borrow,
    Repay(Slack),
    ReturnLoan,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(Step::FirstTry),
        1 => any_slack().prop_map(Step::Success),
        4 => Just(Step::Withdraw),
        1 => Just(Step::Refund),
        4 => Just(Step::Borrow),
        1 => any_slack().prop_map(Step::Repay),
        1 => Just(Step::ReturnLoan),
        2 => (0u64..5_000).prop_map(Step::Pass),
    ]
}

proptest! {
    /// The promise in one line: what is spent was reserve, earnings, refunds or trickle.
    #[test]
    fn nothing_is_spent_that_was_not_earned(
        ratio in 0.0f64..1.5,
        steps in prop::collection::vec(step(), 0..600),
    ) {
        let mut now = some_instant();
        let config = RetryBudgetConfig { ratio, ..RetryBudgetConfig::default() };
        let mut budget = RetryBudget::new(config.clone(), now).unwrap();
        let mut income = config.reserve;
        let mut spent = 0u32;
        let mut refundable = 0u32;
        let mut lent = 0u32;
        for step in steps {
            match step {
                Step::FirstTry(succeeded) => {
                    budget.record_first_try(succeeded, now);
                    income += if succeeded { ratio } else { 0.0 };
                    // A success repays what was borrowed, or not if that is no good: either way no more than it.
                    income += if succeeded { f64::from(std::mem::take(&mut lent)) } else { 0.0 };
                }
                Step::Success(slack) => {
                    budget.record_success(slack, now);
                    // What it does not repay may come back later, and no more of it.
                    income += ratio + f64::from(std::mem::take(&mut lent));
                }
                Step::Withdraw => {
                    let balance = budget.balance(now);
                    let paid = budget.withdraw(now);
                    prop_assert_eq!(paid, balance >= 1.0 - 1e-9);
                    spent += u32::from(paid);
                    refundable += u32::from(paid);
                }
                // Whoever lends gets it back: at the latest that is income when the others succeed.
                Step::Borrow => {
                    let paid = budget.borrow(now);
                    spent += u32::from(paid);
                    lent += u32::from(paid);
                }
                Step::Repay(slack) if lent > 0 => {
                    budget.repay(slack, now);
                    income += f64::from(std::mem::take(&mut lent));
                }
                Step::ReturnLoan if lent > 0 => {
                    lent -= 1;
                    budget.return_loan(now);
                    income += 1.0;
                }
                Step::Refund if refundable > 0 => {
                    refundable -= 1;
                    budget.refund(now);
                    income += 1.0;
                }
                Step::Repay(_) | Step::ReturnLoan | Step::Refund => {}
                Step::Pass(millis) => {
                    now += Duration::from_millis(millis);
                    income += config.trickle * Duration::from_millis(millis).as_secs_f64();
                }
            }
            prop_assert!(f64::from(spent) <= income + 1e-6, "spent {} of {}", spent, income);
            prop_assert!(budget.balance(now) >= 0.0);
        }
    }

    #[test]
    fn no_more_is_saved_than_the_reserve_and_the_share_of_recent_calls(
        calls in prop::collection::vec(0u64..2_000, 0..300),
    ) {
        let mut now = some_instant();
        let start = now;
        let config = RetryBudgetConfig::default();
        let mut budget = RetryBudget::new(config.clone(), now).unwrap();
        let mut at = vec![];
        for pause in calls {
            now += Duration::from_millis(pause);
            budget.record_first_try(true, now);
            at.push(now);
            // The window slides by whole buckets, so it never reaches back further than its length.
            let recent = at.iter().filter(|&&call| now - call <= config.window).count();
            prop_assert!(budget.balance(now) <= config.reserve + config.ratio * recent as f64 + 1e-9);
        }
        prop_assert!(now >= start);
    }

    /// The promise of the ratio form, over every stretch of calls and not only from the start.
    #[test]
    fn over_any_stretch_the_ratio_form_pays_for_its_share_of_the_calls_and_the_reserve(
        ratio in 0.0f64..1.5,
        reserve in 0.0f64..5.0,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut now = some_instant();
        let form = RetryBudgetForm::Ratio;
        let config = RetryBudgetConfig { form, ratio, reserve, ..RetryBudgetConfig::default() };
        let mut budget = RetryBudget::new(config.clone(), now).unwrap();
        // What each moment would say if the stretch began there: retries paid, less what the calls since allow.
        let mut worst = 0.0f64;
        for step in steps {
            let change = match step {
                Step::FirstTry(succeeded) => {
                    budget.record_first_try(succeeded, now);
                    -ratio
                }
                Step::Success(slack) => {
                    budget.record_success(slack, now);
                    -ratio
                }
                Step::Withdraw => f64::from(u8::from(budget.withdraw(now))),
                Step::Borrow => f64::from(u8::from(budget.borrow(now))),
                Step::Refund => {
                    budget.reward(Slack::FULL, now);
                    0.0
                }
                Step::Repay(slack) => {
                    budget.repay(slack, now);
                    0.0
                }
                // A retry that is never made is none.
                Step::ReturnLoan => 0.0,
                Step::Pass(millis) => {
                    now += Duration::from_millis(millis);
                    -config.trickle * Duration::from_millis(millis).as_secs_f64()
                }
            };
            worst = (worst + change).max(change).max(0.0);
            prop_assert!(worst <= reserve.max(1.0 + ratio) + 1e-6, "{} beyond the ratio", worst);
        }
    }
}
