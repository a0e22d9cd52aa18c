use super::*;
use proptest::prelude::*;
use seawall_core::FailureKind::{Cancelled, Overloaded};
use seawall_sim::policy::models::{Aws, Envoy, Finagle, Grpc, Sre};

#[test]
fn finagle_grants_a_fifth_of_the_calls_and_ten_a_second_in_the_long_run() {
    let mut finagle = Process::new(Finagle::default());
    let mut granted = 0;
    for _ in 0..600 {
        for _ in 0..10 {
            assert!(finagle.model.call_began(finagle.now));
            granted += finagle.retries(3, Timeout);
        }
        finagle.pass(0.1);
    }
    // 6000 calls in a minute: 1200 and 600; the reserve of ten seconds may come early.
    assert!((1700..=1900).contains(&granted), "{granted}");
}

#[test]
fn finagle_forgets_what_was_earned_after_ten_seconds() {
    let mut finagle = Process::new(Finagle::default());
    for _ in 0..1000 {
        assert!(finagle.model.call_began(Duration::ZERO));
    }
    let mut idle = Process::new(Finagle::default());
    finagle.pass(9.9);
    assert_eq!(finagle.retries(150, Transient), 150);
    finagle.pass(0.1);
    assert_eq!(idle.retries(1000, Transient), 100, "the reserve");
    assert_eq!(finagle.retries(1000, Transient), 0, "what was earned is forgotten, what was spent is not");
    finagle.pass(10.0);
    assert_eq!(finagle.retries(1000, Transient), 100);
}

#[test]
fn envoy_retries_three_at_a_time_at_least() {
    let mut envoy = Process::new(Envoy::default());
    assert_eq!(envoy.retries(10, Timeout), 3);
    envoy.model.call_ended(1);
    assert_eq!(envoy.retries(10, Timeout), 1);
}

#[test]
fn envoy_retries_a_fifth_of_what_is_active() {
    let mut envoy = Process::new(Envoy::default());
    let active: Vec<_> = (0..100).map(|_| envoy.begin().unwrap()).collect();
    assert_eq!(envoy.retries(100, Timeout), 20);
    for attempt in active {
        envoy.end(attempt, Ok(()));
    }
    for _ in 0..18 {
        envoy.model.call_ended(1);
    }
    assert_eq!(envoy.retries(10, Timeout), 1, "two are left, of three");
}

#[test]
fn grpc_stops_to_retry_when_half_of_the_tokens_are_gone() {
    let mut grpc = Process::new(Grpc::default());
    grpc.fail(4);
    assert!(grpc.may_retry());
    grpc.fail(1);
    assert!(!grpc.may_retry(), "five of ten are not more than half");
    grpc.succeed(1);
    assert!(grpc.may_retry());
}

#[test]
fn ten_successes_make_up_for_one_failure_of_grpc() {
    let mut grpc = Process::new(Grpc::default());
    grpc.fail(100);
    grpc.succeed(50);
    assert!(!grpc.may_retry());
    grpc.succeed(1);
    assert!(grpc.may_retry());
    grpc.succeed(1000);
    grpc.fail(5);
    assert!(!grpc.may_retry(), "there are never more than ten");
}

#[test]
fn a_call_that_its_deadline_ends_takes_no_token_of_grpc() {
    let mut grpc = Process::new(Grpc::default());
    assert!((0..100).all(|_| grpc.attempt(Err(Cancelled))));
    assert!(grpc.may_retry());
}

#[test]
fn a_retry_costs_the_aws_quota_by_what_failed() {
    let drained = |aws: Aws, failure| Process::new(aws).retries(1000, failure);
    assert_eq!(drained(Aws::legacy(), Transient), 100);
    assert_eq!(drained(Aws::legacy(), Timeout), 50);
    assert_eq!(drained(Aws::legacy(), Overloaded { retry_after: None }), 100);
    assert_eq!(drained(Aws::new_retries(), Transient), 35);
    assert_eq!(drained(Aws::new_retries(), Timeout), 35);
    assert_eq!(drained(Aws::new_retries(), Overloaded { retry_after: None }), 100);
}

#[test]
fn time_alone_never_fills_the_aws_quota() {
    for mut aws in [Aws::legacy(), Aws::new_retries()].map(Process::new) {
        aws.retries(1000, Timeout);
        aws.retries(1000, Transient);
        aws.pass(1e6);
        assert_eq!(aws.retries(1000, Transient), 0);
    }
}

#[test]
fn five_first_attempts_that_succeed_earn_a_retry_of_aws() {
    let mut aws = Process::new(Aws::legacy());
    aws.retries(1000, Transient);
    aws.succeed(4);
    assert!(!aws.may_retry());
    aws.succeed(1);
    assert!(aws.may_retry());
    assert!(!aws.may_retry());
}

#[test]
fn an_aws_retry_that_succeeds_brings_back_its_cost() {
    let mut aws = Process::new(Aws::legacy());
    for _ in 0..1000 {
        assert!(aws.model.may_retry(Timeout, aws.now));
        let retry = aws.begin_after(Some(Timeout)).unwrap();
        aws.end(retry, Ok(()));
    }
    assert_eq!(aws.retries(1000, Transient), 100);
}

#[test]
fn sre_drops_nothing_while_half_of_the_requests_are_accepted() {
    let mut sre = Process::new(Sre::default());
    for _ in 0..1000 {
        sre.succeed(1);
        sre.fail(1);
    }
}

#[test]
fn sre_drops_nearly_everything_while_nothing_is_accepted() {
    let mut sre = Process::new(Sre::default());
    let sent = (0..1000).filter(|_| sre.attempt(Err(Timeout))).count();
    assert!((1..20).contains(&sent), "{sent}: about one, and a half, and a third…");
    sre.pass(120.0);
    assert!(sre.attempt(Ok(())), "two minutes later all is forgotten");
}

#[test]
fn sre_retries_a_tenth_of_the_requests() {
    let mut sre = Process::new(Sre::default());
    assert!(!sre.may_retry());
    sre.succeed(1000);
    assert_eq!(sre.retries(1000, Timeout), 100);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Begin,
    End(bool),
    Pass,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![Just(Step::Begin), any::<bool>().prop_map(Step::End), Just(Step::Pass)];
    proptest::collection::vec(step, 0..300)
}

/// Plays calls of two attempts at most, many at a time; at the end all are over.
fn play<M: Model>(model: M, steps: Vec<Step>, mut check: impl FnMut(&M)) -> Process<M> {
    let mut process = Process::new(model);
    let mut calls = std::collections::VecDeque::new();
    let rest = std::iter::repeat_n(Step::End(true), 2 * steps.len());
    for step in steps.into_iter().chain(rest) {
        match step {
            Step::Begin if process.model.call_began(process.now) => {
                calls.extend(process.begin().map(|first| (first, 0)));
            }
            Step::Begin => {}
            Step::Pass => process.pass(0.3),
            Step::End(good) => {
                let Some((attempt, retries)) = calls.pop_front() else { continue };
                process.end(attempt, if good { Ok(()) } else { Err(Timeout) });
                if !good && retries == 0 && process.model.may_retry(Timeout, process.now) {
                    let retry = process.begin_after(Some(Timeout));
                    calls.push_back((retry.unwrap(), 1));
                } else {
                    process.model.call_ended(retries);
                }
            }
        }
        check(&process.model);
    }
    process
}

proptest! {
    #[test]
    fn envoys_retries_all_come_back(steps in steps()) {
        let mut envoy = play(Envoy::default(), steps, |_| ());
        prop_assert_eq!(envoy.retries(10, Timeout), 3);
    }

    #[test]
    fn the_aws_quota_and_the_grpc_tokens_stay_within_their_bounds(steps in steps()) {
        let within = |model: &dyn Fn() -> Option<f64>, most: f64| assert!((0.0..=most).contains(&model().unwrap()));
        play(Aws::legacy(), steps.clone(), |aws| within(&|| aws.reading().budget, 500.0));
        play(Aws::new_retries(), steps.clone(), |aws| within(&|| aws.reading().budget, 500.0));
        play(Grpc::default(), steps, |grpc| within(&|| grpc.reading().budget, 10.0));
    }
}
