use std::sync::{Mutex, PoisonError};

/// Where a cache takes chance from: each thread's own generator, or one with a seed, for runs that must repeat.
pub(crate) struct Chance(Option<Mutex<fastrand::Rng>>);

impl Chance {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(seed.map(|seed| Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A number from 0 to 1.
    #[inline]
    pub(crate) fn draw(&self) -> f64 {
        match &self.0 {
            None => fastrand::f64(),
            Some(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).f64(),
        }
    }
}
