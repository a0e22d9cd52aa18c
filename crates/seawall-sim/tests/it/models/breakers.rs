use super::*;
use seawall_core::FailureKind::Cancelled;
use seawall_sim::policy::models::{Polly, Resilience4j};

fn polly() -> Process<Polly> {
    Process::new(Polly::default())
}

/// Polly, open since now.
fn open_polly() -> Process<Polly> {
    let mut polly = polly();
    polly.succeed(90);
    polly.fail(10);
    assert!(polly.begin().is_none());
    polly
}

#[test]
fn polly_opens_at_a_tenth_of_a_hundred_attempts() {
    let mut polly = polly();
    polly.succeed(90);
    polly.fail(9);
    assert!(polly.attempt(Err(Transient)), "9 of 99 are too few");
    assert!(!polly.attempt(Ok(())), "10 of 100 are enough");
}

#[test]
fn polly_stays_closed_below_a_tenth() {
    let mut polly = polly();
    for _ in 0..1000 {
        polly.succeed(11);
        polly.fail(1);
    }
}

#[test]
fn polly_forgets_after_thirty_seconds() {
    let mut polly = polly();
    polly.fail(99);
    polly.pass(30.0);
    polly.fail(99);
}

#[test]
fn polly_admits_exactly_one_probe_after_five_seconds() {
    let mut polly = open_polly();
    polly.pass(4.999);
    assert!(polly.begin().is_none());
    polly.pass(0.001);
    assert!(polly.begin().is_some());
    polly.pass(1000.0);
    assert!(polly.begin().is_none(), "a probe that hangs blocks the others");
}

#[test]
fn a_probe_decides_over_pollys_circuit() {
    let mut polly = open_polly();
    polly.pass(5.0);
    polly.fail(1);
    assert!(!polly.attempt(Ok(())), "it failed: open for five more seconds");
    polly.pass(5.0);
    polly.succeed(1);
    polly.fail(99);
}

#[test]
fn a_cancelled_probe_closes_pollys_circuit() {
    let mut polly = open_polly();
    polly.pass(5.0);
    assert!(polly.attempt(Err(Cancelled)));
    polly.succeed(1);
}

#[test]
fn a_late_success_closes_pollys_half_open_circuit() {
    let mut polly = polly();
    let late = polly.begin().unwrap();
    polly.fail(100);
    polly.pass(5.0);
    let _probe = polly.begin().unwrap();
    polly.end(late, Ok(()));
    polly.succeed(1);
}

#[test]
fn polly_takes_a_thousand_calls_at_a_time() {
    let mut polly = polly();
    assert!((0..1000).all(|_| polly.model.call_began(Duration::ZERO)));
    assert!(!polly.model.call_began(Duration::ZERO));
    polly.model.call_ended(0);
    assert!(polly.model.call_began(Duration::ZERO));
}

fn resilience4j() -> Process<Resilience4j> {
    Process::new(Resilience4j::default())
}

/// resilience4j, half open since now.
fn half_open_resilience4j() -> Process<Resilience4j> {
    let mut resilience4j = resilience4j();
    resilience4j.fail(100);
    resilience4j.pass(60.0);
    resilience4j
}

#[test]
fn resilience4j_opens_at_half_of_the_last_hundred_attempts() {
    let mut resilience4j = resilience4j();
    resilience4j.succeed(51);
    resilience4j.fail(49);
    assert!(resilience4j.attempt(Err(Timeout)), "49 of 100 are too few");
    assert!(!resilience4j.attempt(Ok(())), "50 of the last 100 are enough");
}

#[test]
fn resilience4j_asks_nothing_before_it_has_a_hundred_results() {
    let mut resilience4j = resilience4j();
    resilience4j.fail(100);
    assert!(!resilience4j.attempt(Ok(())));
}

#[test]
fn resilience4j_waits_a_minute_and_then_asks_ten_probes() {
    let mut resilience4j = resilience4j();
    resilience4j.fail(100);
    resilience4j.pass(59.999);
    assert!(resilience4j.begin().is_none());
    resilience4j.pass(0.001);
    assert_eq!((0..20).filter(|_| resilience4j.begin().is_some()).count(), 10);
}

#[test]
fn five_failed_probes_of_ten_open_resilience4j_again() {
    let mut resilience4j = half_open_resilience4j();
    resilience4j.succeed(5);
    resilience4j.fail(5);
    assert!(!resilience4j.attempt(Ok(())));
}

#[test]
fn four_failed_probes_of_ten_close_resilience4j_with_an_empty_window() {
    let mut resilience4j = half_open_resilience4j();
    resilience4j.fail(4);
    resilience4j.succeed(6);
    resilience4j.fail(100);
}

#[test]
fn a_cancelled_probe_of_resilience4j_makes_room_for_another() {
    let mut resilience4j = half_open_resilience4j();
    assert!((0..100).all(|_| resilience4j.attempt(Err(Cancelled))));
    assert_eq!((0..20).filter(|_| resilience4j.begin().is_some()).count(), 10);
}

#[test]
fn late_results_count_as_probes_of_resilience4j() {
    let mut resilience4j = resilience4j();
    let late: Vec<_> = (0..9).map(|_| resilience4j.begin().unwrap()).collect();
    resilience4j.fail(100);
    resilience4j.pass(60.0);
    let probe = resilience4j.begin().unwrap();
    for late in late {
        resilience4j.end(late, Err(Timeout));
    }
    resilience4j.end(probe, Ok(()));
    assert!(!resilience4j.attempt(Ok(())), "one probe went well, and nine failures are of an hour ago");
}
