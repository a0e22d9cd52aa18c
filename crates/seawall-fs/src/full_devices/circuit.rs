use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use seawall_core::{CircuitBreaker, CircuitBreakerConfig, Jitter};

use super::place::Room;

/// A device that was full.
#[derive(Debug)]
pub(super) struct FullDevice {
    pub(super) number: u64,
    /// Where it is mounted.
    pub(super) path: PathBuf,
    pub(super) circuit: CircuitBreaker,
    /// The room there was when it was full. None at all, mostly; but something larger may have been asked for.
    pub(super) room: Room,
}

impl FullDevice {
    pub(super) fn new(number: u64, path: PathBuf, now: Instant) -> Self {
        let circuit = CircuitBreaker::new(config(), now).expect("its numbers are within their bounds");
        Self { number, path, circuit, room: Room::default() }
    }
}

/// Opens at the first failure, for a second and then twice as long each time, up to 30 s; one probe decides.
fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        failure_rate_threshold: None,
        slow_call_rate_threshold: None,
        consecutive_failures: Some(NonZeroU32::MIN),
        count_window: None,
        time_window: None,
        wait_duration_in_open: Duration::from_secs(1),
        wait_factor: 2.0,
        max_wait_duration_in_open: Duration::from_secs(30),
        // The error says until when, and there is no herd: each process has a circuit of its own.
        wait_jitter: Jitter::None,
        permitted_calls_in_half_open: NonZeroU32::MIN,
        half_open_success_threshold: 1.0,
        // A probe that is dropped says so; one that takes long may be a large file.
        half_open_lease: Duration::from_mins(1),
        ramp: Duration::ZERO,
        ..CircuitBreakerConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use seawall_core::{Event, FailureKind, Outcome};

    use super::*;

    #[test]
    fn it_stays_open_for_longer_each_time_and_one_write_decides() {
        let (mut now, mut rng) = (tokio::time::Instant::now().into_std(), fastrand::Rng::with_seed(1));
        let full = Some(Outcome::failure(FailureKind::Transient));
        let mut device = FullDevice::new(7, "/mnt".into(), now);
        let first = device.circuit.enter(now).unwrap();
        let mut opened = device.circuit.exit(first, full, now, &mut rng);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(opened, Some(Event::Opened { wait }));
            let refused = device.circuit.enter(now).unwrap_err();
            assert_eq!(refused.retry_after, Some(wait));
            now += wait;
            let probe = device.circuit.enter(now).unwrap();
            assert!(device.circuit.enter(now).is_err(), "one is enough");
            opened = device.circuit.exit(probe, full, now, &mut rng);
        }
        now += Duration::from_secs(30);
        let probe = device.circuit.enter(now).unwrap();
        assert_eq!(device.circuit.exit(probe, Some(Outcome::Success), now, &mut rng), Some(Event::Closed));
    }
}
