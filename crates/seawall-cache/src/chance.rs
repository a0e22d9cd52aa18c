use std::sync::{Mutex, PoisonError};

/// Where a cache takes chance from: each thread's own generator, or one with a seed, for runs that must repeat.
pub(crate) struct Chance(Option<Mutex<fastrand::Rng>>);

impl Chance {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(seed.map(|seed| Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A number from 0 to 1.
    pub(crate) fn draw(&self) -> f64 {
        match &self.0 {
            None => fastrand::f64(),
            Some(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).f64(),
        }
    }

    /// Any number at all.
    #[inline]
    pub(crate) fn draw_whole(&self) -> u64 {
        match &self.0 {
            None => fastrand::u64(..),
            Some(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).u64(..),
        }
    }
}

/// How far times to live are spread, as a fraction of 2⁶⁴: every set spreads one, in a few whole multiplications.
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(fraction: f64) -> Self {
        Self((fraction * 2_f64.powi(64)) as u64)
    }

    /// The time, as much more or less as `chance` says, which is any number.
    #[inline]
    pub(crate) const fn spread(&self, time: u64, chance: u64) -> u64 {
        let most = part(time, self.0);
        time - most + part(2 * most, chance)
    }
}

/// A number times a fraction of 2⁶⁴.
const fn part(number: u64, fraction: u64) -> u64 {
    ((number as u128 * fraction as u128) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_spread_evenly_and_as_far_as_the_jitter_says() {
        let (jitter, chance) = (Jitter::new(0.1), Chance::new(Some(1)));
        let times: Vec<u64> = (0..10_000).map(|_| jitter.spread(1_000_000, chance.draw_whole())).collect();
        assert!(times.iter().all(|time| (900_000..=1_100_000).contains(time)));
        let mean = times.iter().sum::<u64>() / 10_000;
        assert!((998_000..=1_002_000).contains(&mean), "{mean}");
        let (low, high) = (jitter.spread(1_000_000, 0), jitter.spread(1_000_000, u64::MAX));
        assert!(low.abs_diff(900_000) <= 2 && high.abs_diff(1_100_000) <= 2, "{low} {high}");
    }

    #[test]
    fn without_jitter_a_time_stays_as_it_is() {
        for chance in [0, 1 << 63, u64::MAX] {
            assert_eq!(Jitter::new(0.0).spread(1_234_567, chance), 1_234_567);
        }
    }
}
