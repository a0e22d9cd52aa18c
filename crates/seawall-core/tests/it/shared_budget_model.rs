//! The shared budget in every order that its threads can run in: the very source file, over the parts of a model
//! checker.

use std::time::Duration;

use loom::thread;
use seawall_core::{InvalidConfig, RetryBudget, RetryBudgetConfig};

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
                budget.record_success(|| now);
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
                budget.record_success(|| now);
                u32::from(budget.with(|budget| budget.withdraw(now)))
            })
        };
        let (one, other) = (spends(), spends());
        let spent = one.join().unwrap() + other.join().unwrap();
        let left = budget.with(|budget| budget.balance(now));
        assert!((f64::from(spent) + left - 2.0).abs() < 1e-9, "{spent} spent, {left} left");
    });
}
