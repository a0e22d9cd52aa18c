use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use seawall_core::{Hedge, HedgeConfig};

fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "some instant to start from; no test depends on which")]
    Instant::now()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn default() -> HedgeConfig {
    HedgeConfig::default()
}

#[test]
fn nothing_is_hedged_before_enough_response_times_are_known() {
    let now = start();
    let minimum_samples = NonZeroU32::new(20).unwrap();
    let mut hedge = Hedge::new(HedgeConfig { minimum_samples, ..default() }, now).unwrap();
    for _ in 0..19 {
        hedge.record_time(millis(10), now);
        assert_eq!(hedge.delay(), None);
    }
    hedge.record_time(millis(10), now);
    assert!((millis(10)..=millis(11)).contains(&hedge.delay().unwrap()));
}

#[test]
fn the_delay_follows_a_backend_that_gets_slower_and_faster_again() {
    let mut now = start();
    let mut hedge = Hedge::new(default(), now).unwrap();
    for (time, steady) in [(10, 10), (100, 100), (10, 10)] {
        for _ in 0..4000 {
            now += millis(10);
            hedge.record_time(millis(time), now);
        }
        let delay = hedge.delay().unwrap();
        assert!((millis(steady)..=millis(steady) * 17 / 16).contains(&delay), "{delay:?} at {time}ms");
    }
}

#[test]
fn a_fast_backend_is_not_hedged_below_the_minimum_delay() {
    let now = start();
    let mut hedge = Hedge::new(default(), now).unwrap();
    for _ in 0..100 {
        hedge.record_time(Duration::from_micros(20), now);
    }
    assert_eq!(hedge.delay(), Some(millis(1)));
}

#[test]
fn a_fixed_delay_needs_no_samples() {
    let config = HedgeConfig { fixed_delay: Some(millis(7)), ..default() };
    assert_eq!(Hedge::new(config, start()).unwrap().delay(), Some(millis(7)));
}

#[test]
fn a_new_configuration_keeps_the_response_times_and_an_invalid_one_is_refused() {
    let now = start();
    let mut hedge = Hedge::new(default(), now).unwrap();
    for time in 1..=100 {
        hedge.record_time(millis(time), now);
    }
    hedge.reconfigure(HedgeConfig { quantile: 0.5, budget_reserve: 2.0, ..default() }).unwrap();
    assert!((millis(50)..=millis(54)).contains(&hedge.delay().unwrap()));
    assert!((hedge.balance() - 2.0).abs() < 1e-9);

    let invalid = hedge.reconfigure(HedgeConfig { quantile: 1.0, ..default() }).unwrap_err();
    assert_eq!(invalid.to_string(), "quantile is 1: must be at least 0.5 and below 1");
    assert!((hedge.config().quantile - 0.5).abs() < 1e-9);
}

#[test]
fn where_a_twentieth_of_the_attempts_meets_overload_nothing_is_left_for_hedges() {
    let mut hedge = Hedge::new(default(), start()).unwrap();
    for call in 0..2000 {
        hedge.record_call();
        if call % 20 == 0 {
            hedge.record_overload();
        }
        if call >= 200 {
            while hedge.withdraw() {
                assert!(call < 400, "what was saved up is spent by now");
            }
        }
    }
}

proptest! {
    /// Whatever calls and hedges come in whatever order: no more hedges than the reserve and a twentieth of the calls.
    #[test]
    fn hedges_never_exceed_the_budget(steps in vec(0u8..5, 1..500), ratio in 0.0f64..=1.0, reserve in 1.0f64..20.0) {
        let config = HedgeConfig { budget_ratio: ratio, budget_reserve: reserve, ..default() };
        let mut hedge = Hedge::new(config, start()).unwrap();
        let (mut calls, mut hedges, mut unsent) = (0.0, 0.0, 0);
        for step in steps {
            match step {
                0 => {
                    hedge.record_call();
                    calls += 1.0;
                }
                1 if unsent > 0 => {
                    hedge.refund();
                    unsent -= 1;
                    hedges -= 1.0;
                }
                2 => hedge.record_overload(),
                _ if hedge.withdraw() => {
                    unsent += 1;
                    hedges += 1.0;
                }
                _ => {}
            }
            prop_assert!(hedges <= reserve + ratio * calls + 1e-6);
            prop_assert!((0.0..=reserve).contains(&hedge.balance()));
        }
    }
}
