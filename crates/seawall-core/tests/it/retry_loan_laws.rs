//! What lent retries may cost, whatever came before, and who gets them where calls differ.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use seawall_core::{RetryBudget, RetryBudgetConfig, Slack};

use crate::retry_budget::{any_slack, some_instant};

#[derive(Clone, Copy, Debug)]
enum Step {
    FirstTry(bool),
    Success(Slack),
    Withdraw,
    Reward(Slack),
    Refund,
    Borrow,
    Repay(Slack),
    ReturnLoan,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<bool>().prop_map(Step::FirstTry),
        2 => any_slack().prop_map(Step::Success),
        2 => Just(Step::Withdraw),
        1 => any_slack().prop_map(Step::Reward),
        1 => Just(Step::Refund),
        6 => Just(Step::Borrow),
        2 => any_slack().prop_map(Step::Repay),
        1 => Just(Step::ReturnLoan),
        2 => (0u64..3_000).prop_map(Step::Pass),
    ]
}

/// A budget after a history, with the retries that it paid for and that have not ended.
struct Lived {
    budget: RetryBudget,
    now: Instant,
    paid: u32,
    lent: u32,
}

impl Lived {
    fn through(config: &RetryBudgetConfig, steps: &[Step]) -> Self {
        let now = some_instant();
        let budget = RetryBudget::new(config.clone(), now).unwrap();
        let mut lived = Self { budget, now, paid: 0, lent: 0 };
        for &step in steps {
            lived.take(step);
        }
        lived
    }

    fn take(&mut self, step: Step) {
        let (budget, now) = (&mut self.budget, self.now);
        match step {
            Step::FirstTry(succeeded) => budget.record_first_try(succeeded, now),
            Step::Success(slack) => budget.record_success(slack, now),
            Step::Withdraw => self.paid += u32::from(budget.withdraw(now)),
            Step::Borrow => self.lent += u32::from(budget.borrow(now)),
            Step::Reward(_) | Step::Refund if self.paid > 0 => {
                self.paid -= 1;
                if let Step::Reward(slack) = step { budget.reward(slack, now) } else { budget.refund(now) }
            }
            Step::Repay(_) | Step::ReturnLoan if self.lent > 0 => {
                self.lent -= 1;
                if let Step::Repay(slack) = step { budget.repay(slack, now) } else { budget.return_loan(now) }
            }
            Step::Reward(_) | Step::Refund | Step::Repay(_) | Step::ReturnLoan => {}
            Step::Pass(millis) => self.now += Duration::from_millis(millis),
        }
    }
}

proptest! {
    /// From the moment that nothing succeeds, whatever was lent, repaid, or is under way.
    #[test]
    fn after_any_history_an_outage_costs_what_was_saved_up_and_the_trickle(
        ratio in 0.0f64..1.5,
        history in prop::collection::vec(step(), 0..200),
        outage in prop::collection::vec(step(), 0..200),
    ) {
        let config = RetryBudgetConfig { ratio, ..RetryBudgetConfig::default() };
        let mut lived = Lived::through(&config, &history);
        let mut allowed = lived.budget.balance(lived.now);
        let mut sent = 0.0;
        for step in outage {
            let (paid, lent) = (lived.paid, lived.lent);
            match step {
                Step::FirstTry(_) => lived.take(Step::FirstTry(false)),
                Step::Success(_) | Step::Reward(_) | Step::Repay(_) => {}
                Step::Pass(millis) => {
                    lived.take(step);
                    allowed += config.trickle * Duration::from_millis(millis).as_secs_f64();
                }
                Step::Withdraw | Step::Borrow | Step::Refund | Step::ReturnLoan => lived.take(step),
            }
            // One that is given back was never sent.
            sent += f64::from(lived.paid) - f64::from(paid) + f64::from(lived.lent) - f64::from(lent);
            prop_assert!(sent <= allowed + 1e-6, "{} sent of {}", sent, allowed);
        }
    }

    /// Whoever is slow, the budget is never laxer for it.
    #[test]
    fn after_any_history_a_slow_success_leaves_no_more_than_a_quick_one(
        history in prop::collection::vec(step(), 0..200),
        (slack, other) in (any_slack(), any_slack()),
    ) {
        let after = |record: fn(&mut RetryBudget, Slack, Instant), slack: Slack| {
            let mut lived = Lived::through(&RetryBudgetConfig::default(), &history);
            record(&mut lived.budget, slack, lived.now);
            lived.budget.balance(lived.now)
        };
        let (less, more) = if slack < other { (slack, other) } else { (other, slack) };
        for record in [RetryBudget::record_success, RetryBudget::reward, RetryBudget::repay] {
            prop_assert!(after(record, less) <= after(record, more) + 1e-9);
        }
    }

    /// No history makes it forget how to lend: it takes a success or two of what is lent now.
    #[test]
    fn after_any_history_a_backend_that_answers_most_retries_is_retried_every_time(
        history in prop::collection::vec(step(), 0..200),
    ) {
        let mut lived = Lived::through(&RetryBudgetConfig::default(), &history);
        // Enough to earn a retry with, by first tries alone.
        for _ in 0..12 {
            lived.take(Step::FirstTry(true));
        }
        for _ in 0..100 {
            lived.take(Step::FirstTry(false));
            prop_assert!(lived.budget.borrow(lived.now));
            lived.budget.repay(Slack::FULL, lived.now);
        }
    }
}

/// Five minutes of calls. Says what share of the retries was made that calls wanted which fail now and then, and how
/// many attempts a call made that always fails.
fn shared(calls_a_second: u32, always_fail: f64, now_and_then: f64) -> (f64, f64) {
    let mut lived = Lived::through(&RetryBudgetConfig::default(), &[]);
    let mut random = fastrand::Rng::with_seed(1);
    let (mut wanted, mut made, mut broken, mut in_vain) = (0.0, 0.0, 0.0, 0.0);
    for _ in 0..300 * calls_a_second {
        lived.now += Duration::from_secs(1) / calls_a_second;
        let is_broken = random.f64() < always_fail;
        broken += f64::from(u8::from(is_broken));
        let mut attempts = 0;
        loop {
            attempts += 1;
            let succeeded = !is_broken && random.f64() >= now_and_then;
            match (attempts, succeeded) {
                (1, _) => lived.budget.record_first_try(succeeded, lived.now),
                (_, true) => lived.budget.repay(Slack::FULL, lived.now),
                _ => {}
            }
            if succeeded || attempts == 4 {
                break;
            }
            let lent = lived.budget.borrow(lived.now);
            if !is_broken {
                wanted += 1.0;
                made += f64::from(u8::from(lent));
            }
            if !lent {
                break;
            }
        }
        in_vain += if is_broken { f64::from(attempts) } else { 0.0 };
    }
    (made / wanted, in_vain / broken)
}

#[test]
fn few_calls_that_always_fail_take_no_retries_from_the_others() {
    for calls_a_second in [5, 50, 200] {
        let (made, _) = shared(calls_a_second, 0.05, 0.01);
        assert!(made > 0.95, "{calls_a_second}: {made}");
    }
}

#[test]
fn many_calls_that_always_fail_leave_the_others_some_and_cost_little() {
    for calls_a_second in [20, 50, 200] {
        let (made, attempts) = shared(calls_a_second, 0.5, 0.01);
        assert!(made > 0.02, "{calls_a_second}: {made}");
        assert!(attempts < 1.5, "{calls_a_second}: {attempts} attempts a call that always fails");
    }
}

#[test]
fn a_busy_client_does_not_live_on_one_success_in_two_hundred() {
    let mut lived = Lived::through(&RetryBudgetConfig::default(), &[]);
    let mut random = fastrand::Rng::with_seed(1);
    let (calls, mut attempts) = (60_000, 0);
    for _ in 0..calls {
        lived.now += Duration::from_millis(1);
        for attempt in 1..=4 {
            attempts += 1;
            let succeeded = random.f64() < 0.005;
            match (attempt, succeeded) {
                (1, _) => lived.budget.record_first_try(succeeded, lived.now),
                (_, true) => lived.budget.repay(Slack::FULL, lived.now),
                _ => {}
            }
            if succeeded || attempt == 4 || !lived.budget.borrow(lived.now) {
                break;
            }
        }
    }
    let amplification = f64::from(attempts) / f64::from(calls);
    assert!(amplification < 1.2, "{amplification}");
}
