use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{Jitter, Spread, exponential};

const MAX: Duration = Duration::from_secs(5);

fn spread_all(jitter: Jitter, planned: &[Duration], seed: u64) -> Vec<Duration> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut spread = Spread::new(jitter, MAX);
    planned.iter().map(|&planned| spread.next(planned, &mut rng)).collect()
}

fn planned() -> Vec<Duration> {
    (0..12).map(|step| exponential(Duration::from_millis(50), 2.0, step, MAX)).collect()
}

proptest! {
    #[test]
    fn every_jitter_stays_within_its_bounds(seed: u64) {
        let planned = planned();
        prop_assert_eq!(&spread_all(Jitter::None, &planned, seed), &planned);
        for (wait, &planned) in spread_all(Jitter::Full, &planned, seed).iter().zip(&planned) {
            prop_assert!(*wait <= planned);
        }
        for (wait, &planned) in spread_all(Jitter::Equal, &planned, seed).iter().zip(&planned) {
            prop_assert!(*wait >= planned / 2 && *wait <= planned);
        }
        let mut previous = planned[0];
        for wait in spread_all(Jitter::Decorrelated, &planned, seed) {
            prop_assert!(wait >= planned[0] && wait <= (previous * 3).min(MAX));
            previous = wait;
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits(seed: u64) {
        for jitter in [Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
            prop_assert_eq!(spread_all(jitter, &planned(), seed), spread_all(jitter, &planned(), seed));
        }
    }

    #[test]
    fn no_wait_is_too_long_to_compute(millis: u64, factor in 1.0f64..1e6, step: u32) {
        prop_assert!(exponential(Duration::from_millis(millis), factor, step, MAX) <= MAX);
    }
}
