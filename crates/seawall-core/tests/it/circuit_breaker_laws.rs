//! Random interleavings of calls, results, drops, pauses and operators.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{Admission, CircuitBreakerConfig, CircuitMode, CircuitState, Event, FailureKind, Outcome};

use crate::circuit_breaker::{Bench, FAILED, rates_only};

#[derive(Clone, Debug)]
enum Step {
    Enter,
    Exit { which: usize, outcome: Option<Outcome> },
    Pass(Duration),
    Switch(CircuitMode),
    Reconfigure(u32),
}

fn outcome() -> impl Strategy<Value = Option<Outcome>> {
    prop_oneof![
        3 => Just(Some(Outcome::Success)),
        4 => Just(Some(FAILED)),
        1 => Just(None),
        1 => Just(Some(Outcome::failure(FailureKind::Refused))),
        1 => (0u64..90).prop_map(|wait| {
            let retry_after = Some(Duration::from_secs(wait));
            Some(Outcome::failure(FailureKind::Overloaded { retry_after }))
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop_oneof![
        5 => Just(CircuitMode::Auto),
        1 => Just(CircuitMode::ForcedOpen),
        1 => Just(CircuitMode::ForcedClosed),
        1 => Just(CircuitMode::Disabled),
        1 => Just(CircuitMode::MetricsOnly),
    ];
    prop_oneof![
        20 => Just(Step::Enter),
        20 => (any::<usize>(), outcome()).prop_map(|(which, outcome)| Step::Exit { which, outcome }),
        6 => (0u64..8_000).prop_map(|millis| Step::Pass(Duration::from_millis(millis))),
        1 => mode.prop_map(Step::Switch),
        1 => (1u32..50).prop_map(Step::Reconfigure),
    ]
}

/// Plays the steps; hands each state change to `check`. Returns the bench and the admissions still out.
fn play(steps: Vec<Step>, mut check: impl FnMut(&mut Bench, bool, Option<Event>)) -> (Bench, Vec<Admission>) {
    let mut bench = Bench::new(CircuitBreakerConfig::eager());
    let mut out: Vec<(Admission, u64)> = vec![];
    let mut cycle = 0;
    for step in steps {
        let mut late = false;
        let event = match step {
            Step::Enter => {
                let admission = bench.enter();
                let event = admission.as_ref().and_then(Admission::transition);
                cycle += u64::from(event.is_some());
                out.extend(admission.map(|admission| (admission, cycle)));
                event
            }
            Step::Exit { which, outcome } if !out.is_empty() => {
                let (admission, of) = out.swap_remove(which % out.len());
                late = of != cycle;
                let before = late.then(|| format!("{:?}", bench.breaker));
                let event = bench.exit(admission, outcome);
                // Not one counter has moved.
                assert!(before.is_none_or(|before| before == format!("{:?}", bench.breaker)));
                event
            }
            Step::Exit { .. } => None,
            Step::Pass(time) => {
                bench.pass(time);
                None
            }
            Step::Switch(mode) => bench.breaker.switch(mode, bench.now),
            Step::Reconfigure(calls) => {
                let config = CircuitBreakerConfig {
                    minimum_number_of_calls: NonZeroU32::new(calls).unwrap(),
                    count_window: NonZeroU32::new(calls * 2),
                    time_window: Some(Duration::from_secs(u64::from(calls))),
                    ..CircuitBreakerConfig::eager()
                };
                bench.breaker.reconfigure(config, bench.now).unwrap();
                None
            }
        };
        if !matches!(step, Step::Enter) {
            cycle += u64::from(event.is_some());
        }
        check(&mut bench, late, event);
    }
    (bench, out.into_iter().map(|(admission, _)| admission).collect())
}

proptest! {
    #[test]
    fn a_late_result_never_changes_the_circuit(steps in prop::collection::vec(step(), 0..400)) {
        play(steps, |_, late, event| assert!(!late || event.is_none(), "{event:?}"));
    }

    #[test]
    fn the_open_time_never_leaves_its_limits(steps in prop::collection::vec(step(), 0..400)) {
        play(steps, |bench, _, event| {
            if let Some(Event::Opened { wait }) = event {
                let config = bench.breaker.config();
                assert!(wait >= config.wait_duration_in_open / 2 && wait <= config.max_wait_duration_in_open);
            }
        });
    }

    #[test]
    fn whatever_happened_a_healthy_backend_closes_it_again(steps in prop::collection::vec(step(), 0..400)) {
        // The admissions still out are never handed back: calls that hang for ever.
        let (mut bench, _hanging) = play(steps, |_, _, _| ());
        bench.breaker.switch(CircuitMode::Auto, bench.now);
        bench.pass(Duration::from_mins(2));
        for _ in 0..10 {
            if let Some(admission) = bench.enter() {
                bench.exit(admission, Some(Outcome::Success));
            }
            bench.pass(Duration::from_secs(5));
        }
        prop_assert_eq!(bench.breaker.state(), CircuitState::Closed);
        prop_assert!(bench.enter().is_some());
    }

    #[test]
    fn a_half_open_circuit_never_has_more_probes_out_than_it_may(
        steps in prop::collection::vec(prop_oneof![3 => Just(true), 1 => Just(false)], 0..200),
    ) {
        let mut bench = Bench::new(CircuitBreakerConfig::eager());
        bench.failures_until_open();
        bench.pass(Duration::from_mins(1));
        let mut out = VecDeque::new();
        for enter in steps {
            if enter {
                out.extend(bench.enter());
            } else if let Some(probe) = out.pop_front() {
                bench.exit(probe, None);
            }
            prop_assert!(out.len() <= 5);
        }
    }

    /// The windows against a list of all calls, looked through each time.
    #[test]
    fn the_windows_open_exactly_when_a_naive_account_says_so(
        calls in prop::collection::vec((any::<bool>(), 0u64..400), 1..600),
    ) {
        let mut bench = Bench::new(rates_only());
        let start = bench.now;
        let mut all = vec![];
        for (failed, pause) in calls {
            bench.pass(Duration::from_millis(pause));
            // Buckets are whole seconds: no pause is long enough to empty the window.
            let bucket = (bench.now - start).as_secs();
            all.push((failed, bucket));
            let event = bench.call(if failed { FAILED } else { Outcome::Success });

            let last_hundred = all.iter().rev().take(100).filter(|(failed, _)| *failed).count();
            let in_time: Vec<_> = all.iter().filter(|(_, of)| of + 10 > bucket).collect();
            let failed_in_time = in_time.iter().filter(|(failed, _)| *failed).count();
            let opens = failed
                && ((all.len() >= 20 && last_hundred >= 50) || (in_time.len() >= 20 && failed_in_time * 2 >= in_time.len()));
            prop_assert_eq!(event.is_some(), opens);
            if opens {
                break;
            }
        }
    }

    /// What a layer may leave out: a breaker that is not told of successes where it is unmoved by them opens at the very
    /// call at which one opens that is told of all.
    #[test]
    fn successes_that_move_nothing_may_be_left_out(
        size in 1u32..20,
        failed in prop::collection::vec(prop_oneof![6 => Just(false), 1 => Just(true)], 0..600),
    ) {
        let config = CircuitBreakerConfig {
            count_window: NonZeroU32::new(size),
            consecutive_failures: NonZeroU32::new(4),
            time_window: None,
            ..rates_only()
        };
        let (mut told, mut spared) = (Bench::new(config.clone()), Bench::new(config));
        for failed in failed {
            let outcome = if failed { FAILED } else { Outcome::Success };
            let event = told.call(outcome);
            if failed || !spared.breaker.is_unmoved_by_success() {
                prop_assert_eq!(spared.call(outcome).is_some(), event.is_some());
            } else {
                prop_assert_eq!(event, None);
            }
            if event.is_some() {
                break;
            }
        }
    }
}

#[test]
fn a_breaker_that_looks_at_time_or_has_room_left_is_moved_by_success() {
    let count = |calls| CircuitBreakerConfig {
        time_window: None,
        count_window: NonZeroU32::new(calls),
        ..rates_only()
    };
    let mut bench = Bench::new(count(3));
    for _ in 0..3 {
        assert!(!bench.breaker.is_unmoved_by_success());
        bench.call(Outcome::Success);
    }
    assert!(bench.breaker.is_unmoved_by_success());
    bench.call(FAILED);
    assert!(!bench.breaker.is_unmoved_by_success());
    bench.breaker.switch(CircuitMode::Disabled, bench.now);
    assert!(bench.breaker.is_unmoved_by_success(), "nothing is counted");
    bench.breaker.switch(CircuitMode::ForcedOpen, bench.now);
    assert!(!bench.breaker.is_unmoved_by_success());

    let mut both = Bench::new(rates_only());
    (0..500).for_each(|_| assert!(both.call(Outcome::Success).is_none()));
    assert!(!both.breaker.is_unmoved_by_success(), "the time window counts them");
}

#[test]
fn a_full_time_window_takes_no_more_room_than_an_empty_one() {
    let mut bench = Bench::new(rates_only());
    let empty = format!("{:?}", bench.breaker).matches("Tally").count();
    for call in 0..100_000 {
        bench.call(if call % 50 == 0 { FAILED } else { Outcome::Success });
        bench.pass(Duration::from_micros(99));
    }
    // Ten buckets, their sum and the sum of the count window, as at first.
    assert_eq!((empty, format!("{:?}", bench.breaker).matches("Tally").count()), (12, 12));
}
