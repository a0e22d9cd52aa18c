use std::time::Duration;

use fastrand::Rng;
use proptest::prelude::*;
use seawall_sim::scenario::{Scenario, ServiceTime};

const MEAN: Duration = Duration::from_millis(20);

fn draws(service_time: &ServiceTime) -> Vec<f64> {
    let mut rng = Rng::with_seed(1);
    (0..100_000).map(|_| service_time.draw(&mut rng).as_secs_f64()).collect()
}

/// So many seconds and more are as rare as they should be, within five standard deviations.
#[track_caller]
fn assert_rarer(draws: &[f64], seconds: f64, share: f64) {
    let found = draws.iter().filter(|draw| **draw > seconds).count() as f64;
    let all = draws.len() as f64;
    let strays = (found - all * share).abs() / (all * share * (1.0 - share)).sqrt();
    assert!(strays < 5.0, "{found} of {all} took more than {seconds} s, not {share}");
}

#[track_caller]
fn assert_mean(draws: &[f64], service_time: &ServiceTime, tolerance: f64) {
    let mean = draws.iter().sum::<f64>() / draws.len() as f64;
    let expected = service_time.mean().as_secs_f64();
    assert!((mean / expected - 1.0).abs() < tolerance, "a mean of {mean}, not {expected}");
}

#[test]
fn a_fixed_time_is_always_the_same() {
    let fixed = ServiceTime::Fixed { time: MEAN };
    assert!(draws(&fixed).iter().all(|draw| draw.to_bits() == 0.02_f64.to_bits()));
    assert_eq!(fixed.mean(), MEAN);
}

#[test]
fn exponential_times_have_their_mean_and_their_tail() {
    let exponential = ServiceTime::Exponential { mean: MEAN };
    let draws = draws(&exponential);
    assert_mean(&draws, &exponential, 0.01);
    for times in [0.5, 1.0, 3.0, 5.0] {
        assert_rarer(&draws, 0.02 * times, f64::exp(-times));
    }
}

#[test]
fn bimodal_times_are_of_two_kinds() {
    let bimodal = ServiceTime::Bimodal { mean: MEAN, slow_mean: Duration::from_secs(2), slow_share: 0.05 };
    let draws = draws(&bimodal);
    assert_eq!(bimodal.mean(), Duration::from_millis(119));
    assert_mean(&draws, &bimodal, 0.05);
    for seconds in [0.02, 0.1, 0.5, 4.0] {
        assert_rarer(&draws, seconds, 0.95 * f64::exp(-seconds / 0.02) + 0.05 * f64::exp(-seconds / 2.0));
    }
}

#[test]
fn heavy_tails_have_their_mean_and_their_tail() {
    // With a shape of 1.5 the mean of so few draws is anything; what is beyond all shapes is exponential.
    for (shape, tolerance) in [(1e300, 0.01), (3.0, 0.02), (2.5, 0.03), (1.5, f64::INFINITY)] {
        let heavy = ServiceTime::HeavyTail { mean: MEAN, shape };
        let draws = draws(&heavy);
        assert_mean(&draws, &heavy, tolerance);
        for times in [0.1, 1.0, 10.0, 50.0] {
            let share = (-shape * (times / (shape - 1.0)).ln_1p()).exp();
            if share > 1e-4 {
                assert_rarer(&draws, 0.02 * times, share);
            }
        }
    }
}

fn any_service_time() -> impl Strategy<Value = ServiceTime> {
    let time = || (1_000..86_400_000_000_000_u64).prop_map(Duration::from_nanos);
    prop_oneof![
        time().prop_map(|time| ServiceTime::Fixed { time }),
        time().prop_map(|mean| ServiceTime::Exponential { mean }),
        (time(), time(), 0.0..=1.0_f64).prop_map(|(mean, slow_mean, slow_share)| ServiceTime::Bimodal {
            mean,
            slow_mean,
            slow_share
        }),
        (time(), prop_oneof![Just(1.0 + f64::EPSILON), 1.000_1..50.0_f64, Just(f64::MAX)])
            .prop_map(|(mean, shape)| ServiceTime::HeavyTail { mean, shape }),
    ]
}

proptest! {
    #[test]
    fn every_time_is_within_a_day_and_the_same_for_the_same_seed(service_time in any_service_time(), seed: u64) {
        let draw = || service_time.draw(&mut Rng::with_seed(seed));
        prop_assert!(draw() <= Scenario::LONGEST);
        prop_assert_eq!(draw(), draw());
    }
}
