use std::time::Duration;

use seawall_core::exponential;

use super::ReconnectConfig;

/// The waits between attempts to connect. A value: it reads no clock, and chance is an argument.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    config: ReconnectConfig,
    /// What the server wants the first wait to be.
    asked: Option<Duration>,
    /// Attempts in a row that failed.
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(config: ReconnectConfig) -> Self {
        Self { config, asked: None, failures: 0 }
    }

    /// The server says what the first wait is to be, from now on.
    pub(crate) fn ask(&mut self, wait: Duration) {
        self.asked = Some(self.clamped(wait));
    }

    /// The connection is worth something: the next wait is a first one again.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait before the next attempt, or `None` if there is to be none. `retry_after` is what the answer asked for.
    pub(crate) fn next(
        &mut self,
        retry_after: Option<Duration>,
        rng: &mut fastrand::Rng,
    ) -> Option<Duration> {
        let step = self.failures;
        self.failures = self.failures.saturating_add(1);
        if self.config.max_attempts.is_some_and(|max| self.failures > max.get()) {
            return None;
        }
        let first = self.asked.unwrap_or(self.config.first_wait);
        let planned = exponential(first, self.config.factor, step, self.config.max_wait.max(first));
        let least = retry_after.map_or(planned, |wait| planned.max(self.clamped(wait)));
        let spread = least.as_secs_f64() * self.config.jitter * rng.f64();
        Some(least.saturating_add(Duration::try_from_secs_f64(spread).unwrap_or(Duration::MAX)))
    }

    fn clamped(&self, wait: Duration) -> Duration {
        wait.clamp(self.config.min_asked, self.config.max_asked.max(self.config.min_asked))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn plain() -> ReconnectConfig {
        ReconnectConfig { jitter: 0.0, ..ReconnectConfig::default() }
    }

    fn waits(backoff: &mut Backoff, count: usize) -> Vec<u64> {
        let mut rng = fastrand::Rng::with_seed(7);
        (0..count).map_while(|_| backoff.next(None, &mut rng)).map(|wait| wait.as_secs()).collect()
    }

    #[test]
    fn waits_grow_up_to_their_limit_and_begin_anew() {
        let mut backoff = Backoff::new(plain());
        assert_eq!(waits(&mut backoff, 7), [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(waits(&mut backoff, 2), [1, 2]);
    }

    #[test]
    fn the_server_says_what_the_first_wait_is_within_bounds() {
        let mut backoff = Backoff::new(plain());
        backoff.ask(3 * SECOND);
        assert_eq!(waits(&mut backoff, 3), [3, 6, 12]);
        backoff.reset();
        backoff.ask(1000 * SECOND);
        assert_eq!(waits(&mut backoff, 2), [300, 300]);
        backoff.reset();
        backoff.ask(Duration::ZERO);
        assert_eq!(backoff.next(None, &mut fastrand::Rng::new()), Some(Duration::from_millis(100)));
    }

    #[test]
    fn it_gives_up_after_so_many_attempts_in_a_row() {
        let max_attempts = Some(3.try_into().unwrap());
        let mut backoff = Backoff::new(ReconnectConfig { max_attempts, ..plain() });
        assert_eq!(waits(&mut backoff, 9), [1, 2, 4]);
        backoff.reset();
        assert_eq!(waits(&mut backoff, 9), [1, 2, 4]);
    }

    proptest! {
        #[test]
        fn it_is_never_back_earlier_than_it_was_told_nor_later_than_its_limits(
            seed in any::<u64>(),
            asked in prop::option::of(0..1_000_000_u64),
            retry_after in prop::option::of(0..1_000_000_u64),
            failures in 0..50_u32,
            jitter in 0.0..2.0_f64,
        ) {
            let config = ReconnectConfig { jitter, ..ReconnectConfig::default() };
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut backoff = Backoff::new(config.clone());
            if let Some(asked) = asked {
                backoff.ask(Duration::from_millis(asked));
            }
            for _ in 0..failures {
                backoff.next(None, &mut rng);
            }
            let wait = backoff.next(retry_after.map(Duration::from_millis), &mut rng).unwrap();
            for told in [asked, retry_after].into_iter().flatten() {
                prop_assert!(wait >= Duration::from_millis(told).min(config.max_asked));
            }
            let most = config.max_asked.max(config.max_wait).mul_f64(1.0 + jitter);
            prop_assert!(wait <= most + Duration::from_millis(1));
        }
    }
}
