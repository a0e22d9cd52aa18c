use super::*;
use proptest::prelude::*;
use seawall_sim::policy::models::Gradient2;

fn gradient2() -> Process<Gradient2> {
    Process::new(Gradient2::default())
}

fn limit(process: &Process<Gradient2>) -> f64 {
    process.model.reading().limit.unwrap()
}

/// So many at a time that take so long, one round after another.
fn rounds(process: &mut Process<Gradient2>, rounds: u32, at_a_time: u32, seconds: f64) {
    for _ in 0..rounds {
        let attempts: Vec<_> = (0..at_a_time).filter_map(|_| process.begin()).collect();
        process.pass(seconds);
        for attempt in attempts {
            process.end(attempt, Ok(()));
        }
    }
}

#[test]
fn gradient2_refuses_the_twenty_first() {
    let mut gradient2 = gradient2();
    let first = gradient2.begin().unwrap();
    assert_eq!((0..30).filter(|_| gradient2.begin().is_some()).count(), 19);
    gradient2.end(first, Err(Timeout));
    assert!(gradient2.begin().is_some());
}

#[test]
fn gradient2_grows_to_two_hundred_while_it_is_used_and_nothing_slows_down() {
    let mut gradient2 = gradient2();
    rounds(&mut gradient2, 300, 300, 1.1);
    assert!((limit(&gradient2) - 200.0).abs() < 1e-9, "{}", limit(&gradient2));
}

#[test]
fn gradient2_does_not_grow_while_it_is_not_used() {
    let mut gradient2 = gradient2();
    rounds(&mut gradient2, 2000, 9, 0.1);
    assert!((limit(&gradient2) - 20.0).abs() < 1e-9, "{}", limit(&gradient2));
}

#[test]
fn gradient2_shrinks_when_attempts_take_longer_than_they_used_to() {
    let mut gradient2 = gradient2();
    rounds(&mut gradient2, 300, 300, 1.1);
    rounds(&mut gradient2, 30, 300, 5.0);
    assert!(limit(&gradient2) < 100.0, "{}", limit(&gradient2));
}

#[test]
fn gradient2_grows_again_under_stable_time_outs() {
    // The defect that its users report: what is slow for long becomes what is expected.
    let mut gradient2 = gradient2();
    rounds(&mut gradient2, 300, 300, 1.1);
    rounds(&mut gradient2, 30, 300, 5.0);
    let shrunk = limit(&gradient2);
    rounds(&mut gradient2, 2000, 300, 5.0);
    assert!(limit(&gradient2) > 2.0 * shrunk, "{shrunk} and then {}", limit(&gradient2));
}

proptest! {
    #[test]
    fn gradient2_keeps_between_twenty_and_two_hundred(
        played in proptest::collection::vec((1_u32..5, 1_u32..300, 0.0001_f64..5.0), 1..10),
    ) {
        let mut gradient2 = gradient2();
        for (times, at_a_time, seconds) in played {
            rounds(&mut gradient2, times, at_a_time, seconds);
            prop_assert!((20.0..=200.0).contains(&limit(&gradient2)), "{}", limit(&gradient2));
        }
    }
}
