use std::time::Duration;

use seawall_core::{CircuitBreakerConfig, CircuitMode, CircuitState, Event, Jitter, Outcome};

use crate::circuit_breaker::{Bench, FAILED};

fn half_open() -> Bench {
    let mut bench =
        Bench::new(CircuitBreakerConfig { wait_jitter: Jitter::None, ..CircuitBreakerConfig::eager() });
    bench.failures_until_open();
    bench.pass(bench.breaker.config().wait_duration_in_open);
    bench
}

#[test]
fn no_more_than_five_probes_are_under_way_at_once() {
    let mut bench = half_open();
    let probes: Vec<_> = std::iter::from_fn(|| bench.enter()).collect();
    assert_eq!(probes.len(), 5);
    assert_eq!(bench.breaker.enter(bench.now).unwrap_err().retry_after, Some(Duration::from_secs(15)));
}

#[test]
fn three_good_probes_of_five_close_it() {
    let mut bench = half_open();
    assert_eq!(bench.call(FAILED), None);
    assert_eq!(bench.call(Outcome::Success), None);
    assert_eq!(bench.call(FAILED), None);
    assert_eq!(bench.call(Outcome::Success), None);
    assert_eq!(bench.call(Outcome::Success), Some(Event::Closed));
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
}

#[test]
fn three_bad_probes_of_five_open_it_again_without_waiting_for_the_others() {
    let mut bench = half_open();
    assert_eq!(bench.call(FAILED), None);
    assert_eq!(bench.call(FAILED), None);
    assert_eq!(bench.call(FAILED), Some(Event::Opened { wait: Duration::from_secs(10) }));
}

#[test]
fn dropped_probes_decide_nothing_and_give_their_place_back() {
    let mut bench = half_open();
    for _ in 0..100 {
        let probe = bench.enter().expect("there is always a place");
        assert_eq!(bench.exit(probe, None), None);
    }
    assert_eq!(bench.breaker.state(), CircuitState::HalfOpen);
    for _ in 0..3 {
        bench.call(Outcome::Success);
    }
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
}

#[test]
fn probes_that_hang_block_the_circuit_for_one_lease_and_have_no_say_afterwards() {
    let mut bench = half_open();
    let hanging: Vec<_> = (0..5).map(|_| bench.enter().unwrap()).collect();
    assert!(bench.enter().is_none());
    bench.pass(Duration::from_secs(15));
    let fresh = bench.enter().expect("the leases are over");
    for probe in hanging {
        assert_eq!(bench.exit(probe, Some(FAILED)), None);
    }
    assert_eq!(bench.breaker.state(), CircuitState::HalfOpen);
    assert_eq!(bench.exit(fresh, Some(Outcome::Success)), None);
    bench.call(Outcome::Success);
    assert_eq!(bench.call(Outcome::Success), Some(Event::Closed));
}

#[test]
fn a_probe_that_ends_after_its_lease_has_no_say_even_if_nobody_took_its_place() {
    let mut bench = half_open();
    let late: Vec<_> = (0..5).map(|_| bench.enter().unwrap()).collect();
    bench.pass(Duration::from_secs(15));
    for probe in late {
        assert_eq!(bench.exit(probe, Some(Outcome::Success)), None);
    }
    assert_eq!(bench.breaker.state(), CircuitState::HalfOpen);
}

#[test]
fn failures_from_before_it_opened_do_not_open_it_again_after_it_closed() {
    let mut bench =
        Bench::new(CircuitBreakerConfig { wait_jitter: Jitter::None, ..CircuitBreakerConfig::eager() });
    let late: Vec<_> = (0..50).map(|_| bench.enter().unwrap()).collect();
    bench.failures_until_open();
    bench.pass(Duration::from_secs(5));
    for _ in 0..3 {
        bench.call(Outcome::Success);
    }
    for admission in late {
        assert_eq!(bench.exit(admission, Some(FAILED)), None);
    }
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
}

#[test]
fn a_probe_of_an_earlier_round_decides_nothing() {
    let mut bench = half_open();
    let late: Vec<_> = (0..2).map(|_| bench.enter().unwrap()).collect();
    for _ in 0..3 {
        bench.call(FAILED);
    }
    assert_eq!(bench.breaker.state(), CircuitState::Open);
    bench.pass(Duration::from_secs(10));
    bench.call(Outcome::Success);
    bench.call(Outcome::Success);
    for probe in late {
        assert_eq!(bench.exit(probe, Some(Outcome::Success)), None);
    }
    assert_eq!(bench.breaker.state(), CircuitState::HalfOpen);
}

#[test]
fn just_after_closing_calls_are_let_in_by_degrees() {
    let mut bench = half_open();
    for _ in 0..3 {
        bench.call(Outcome::Success);
    }
    let mut let_in = vec![];
    for _ in 0..5 {
        let admissions = (0..100).filter(|_| bench.enter().is_some()).count();
        let_in.push(admissions);
        bench.pass(Duration::from_secs(1));
    }
    // A tenth at first, then a fifth more each second.
    for (let_in, expected) in let_in.into_iter().zip([10, 20, 40, 60, 80usize]) {
        assert!(let_in.abs_diff(expected) <= 1, "{let_in} rather than {expected} of 100");
    }
    assert!((0..100).all(|_| bench.enter().is_some()));
    assert!(bench.breaker.flowing().is_some());
}

#[test]
fn a_circuit_released_from_being_forced_open_is_closed_by_degrees_too() {
    let mut bench = Bench::new(CircuitBreakerConfig::eager());
    bench.breaker.switch(CircuitMode::ForcedOpen, bench.now);
    bench.breaker.switch(CircuitMode::Auto, bench.now);
    assert!(bench.enter().is_some());
    assert!(bench.enter().is_none());
}
