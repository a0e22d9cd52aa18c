//! The shared budget in every order that its threads can run in: the very source file, over the parts of a model
//! checker.

use std::time::Duration;

use loom::thread;
use seawall_core::{InvalidConfig, RetryBudget, RetryBudgetConfig, Slack};

use crate::retry_budget::some_instant;

use shared_retry_budget::SharedRetryBudget;

#[expect(dead_code, unreachable_pub, reason = "the model needs less of it than the layers")]
#[path = "../../src/shared_retry_budget.rs"]
mod shared_retry_budget;

/// What the file finds beside itself.
mod sync {
    pub(crate) use std::sync::PoisonError;

    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
}

/// Two forced switches between threads find what there is to find, in well under a second.
fn model(run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(run);
}

fn budget(now: std::time::Instant) -> SharedRetryBudget {
    let config = RetryBudgetConfig { ratio: 1.0, reserve: 0.0, trickle: 0.0, ..RetryBudgetConfig::default() };
    SharedRetryBudget::new(RetryBudget::new(config, now).unwrap())
}

#[test]
fn no_success_is_lost_and_none_is_counted_twice_whoever_asks_meanwhile() {
    let now = some_instant();
    model(move || {
        let budget = budget(now);
        let counts = || {
            let budget = budget.clone();
            thread::spawn(move || {
                budget.record_success(Slack::FULL, || now);
            })
        };
        let (one, other) = (counts(), counts());
        // A third asks meanwhile, and what it is told of is told once.
        let seen = budget.with(|budget| budget.balance(now));
        assert!((0.0..=2.0).contains(&seen));
        one.join().unwrap();
        other.join().unwrap();
        let settled = budget.with(|budget| budget.balance(now + Duration::from_nanos(1)));
        assert!((settled - 2.0).abs() < 1e-9, "{settled} of 2");
    });
}

#[test]
fn what_two_threads_earn_and_spend_is_never_more_than_was_earned() {
    let now = some_instant();
    model(move || {
        let budget = budget(now);
        let spends = || {
            let budget = budget.clone();
            thread::spawn(move || {
                budget.record_success(Slack::FULL, || now);
                u32::from(budget.with(|budget| budget.withdraw(now)))
            })
        };
        let (one, other) = (spends(), spends());
        let spent = one.join().unwrap() + other.join().unwrap();
        let left = budget.with(|budget| budget.balance(now));
        assert!((f64::from(spent) + left - 2.0).abs() < 1e-9, "{spent} spent, {left} left");
    });
}

/// Holds so much, of the two that it may hold without calls.
fn holding(left: f64, now: std::time::Instant) -> SharedRetryBudget {
    let config = RetryBudgetConfig { ratio: 1.0, reserve: 2.0, trickle: 0.0, ..RetryBudgetConfig::default() };
    let mut budget = RetryBudget::new(config, now).unwrap();
    while budget.balance(now) > left {
        assert!(budget.withdraw(now));
    }
    SharedRetryBudget::new(budget)
}

#[test]
fn a_loan_is_repaid_once_by_whichever_success_is_told_of_first() {
    let now = some_instant();
    model(move || {
        let budget = holding(1.0, now);
        let borrows = thread::spawn({
            let budget = budget.clone();
            move || {
                let lent = budget.with(|budget| budget.borrow(now));
                assert!(lent, "one was there, and successes only add to it");
                budget.with(|budget| budget.repay(Slack::FULL, now));
            }
        });
        let counts = thread::spawn({
            let budget = budget.clone();
            move || budget.record_success(Slack::FULL, || now)
        });
        borrows.join().unwrap();
        counts.join().unwrap();
        // One was held, one is earned. Repaid twice, it would be the cap of three.
        let left = budget.with(|budget| budget.balance(now));
        assert!((left - 2.0).abs() < 1e-9, "{left}");
    });
}

#[test]
fn a_loan_that_was_never_made_use_of_comes_back_once_whoever_succeeds_meanwhile() {
    let now = some_instant();
    model(move || {
        let budget = holding(1.0, now);
        let returns = thread::spawn({
            let budget = budget.clone();
            move || {
                assert!(budget.with(|budget| budget.borrow(now)));
                budget.with(|budget| budget.return_loan(now));
            }
        });
        let counts = thread::spawn({
            let budget = budget.clone();
            move || budget.record_success(Slack::FULL, || now)
        });
        returns.join().unwrap();
        counts.join().unwrap();
        let left = budget.with(|budget| budget.balance(now));
        assert!((left - 2.0).abs() < 1e-9, "{left}");
    });
}

#[test]
fn what_two_threads_borrow_in_vain_comes_back_whole_with_a_success() {
    let now = some_instant();
    model(move || {
        let budget = holding(1.0, now);
        let borrows = || {
            let budget = budget.clone();
            thread::spawn(move || u32::from(budget.with(|budget| budget.borrow(now))))
        };
        let (one, other) = (borrows(), borrows());
        budget.record_success(Slack::FULL, || now);
        let borrowed = one.join().unwrap() + other.join().unwrap();
        assert!(borrowed >= 1);
        budget.record_success(Slack::FULL, || now);
        let left = budget.with(|budget| budget.balance(now));
        assert!(
            (left - 3.0).abs() < 1e-9,
            "{left}, of one held and two earned, and {borrowed} borrowed and repaid"
        );
    });
}
