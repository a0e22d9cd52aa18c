use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use seawall_core::MovingQuantile;

const WINDOW: Duration = Duration::from_secs(10);

fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "some instant to start from; no test depends on which")]
    Instant::now()
}

/// The smallest sample that the share `quantile` of the samples is not above.
fn exact(samples: &mut [Duration], quantile: f64) -> Duration {
    samples.sort_unstable();
    let rank = (samples.len() as f64 * quantile).ceil() as usize;
    samples[rank.clamp(1, samples.len()) - 1]
}

fn close(value: Duration, exact: Duration) -> bool {
    // Below a microsecond there is one bucket.
    let exact = exact.max(Duration::from_nanos(1024));
    value >= exact && value <= exact + exact / 16
}

proptest! {
    #[test]
    fn it_is_at_most_a_sixteenth_above_the_true_quantile(
        nanos in vec(0u64..4_000_000_000_000, 1..200),
        quantile in 0.01f64..=1.0,
    ) {
        let now = start();
        let mut moving = MovingQuantile::new(quantile, WINDOW, now);
        let mut seen = Vec::new();
        for nanos in nanos {
            let time = Duration::from_nanos(nanos);
            moving.record(time, now);
            seen.push(time);
            let (value, exact) = (moving.value().unwrap(), exact(&mut seen, quantile));
            prop_assert!(close(value, exact), "{value:?} for {exact:?}");
        }
    }

    #[test]
    fn it_looks_at_the_half_window_under_way_and_the_one_before(
        samples in vec((0u64..4_000, 1u64..4_000_000_000), 1..100),
    ) {
        let began = start();
        let mut moving = MovingQuantile::new(0.9, WINDOW, began);
        let mut now = began;
        // The start of the half under way, and what each half holds.
        let (mut half, mut current, mut before) = (began, vec![], vec![]);
        for (wait, nanos) in samples {
            now += Duration::from_millis(wait);
            if now >= half + WINDOW {
                (half, current, before) = (now, vec![], vec![]);
            } else if now >= half + WINDOW / 2 {
                half += WINDOW / 2;
                before = std::mem::take(&mut current);
            }
            let time = Duration::from_nanos(nanos);
            moving.record(time, now);
            current.push(time);

            let mut seen: Vec<_> = current.iter().chain(&before).copied().collect();
            prop_assert_eq!(moving.samples(), seen.len() as u64);
            prop_assert!(close(moving.value().unwrap(), exact(&mut seen, 0.9)));
        }
    }
}

#[test]
fn without_samples_there_is_no_quantile() {
    let moving = MovingQuantile::new(0.95, WINDOW, start());
    assert_eq!((moving.value(), moving.samples()), (None, 0));
}

#[test]
fn after_a_window_without_samples_the_old_ones_are_forgotten() {
    let now = start();
    let mut moving = MovingQuantile::new(0.5, WINDOW, now);
    for _ in 0..1000 {
        moving.record(Duration::from_secs(1), now);
    }
    moving.record(Duration::from_millis(1), now + WINDOW);
    assert_eq!(moving.samples(), 1);
    assert!(close(moving.value().unwrap(), Duration::from_millis(1)));
}

#[test]
fn times_out_of_bounds_fall_into_the_outermost_buckets() {
    let now = start();
    let mut moving = MovingQuantile::new(1.0, WINDOW, now);
    moving.record(Duration::ZERO, now);
    assert!(moving.value().unwrap() < Duration::from_micros(2));
    moving.record(Duration::MAX, now);
    assert_eq!(moving.value().unwrap(), Duration::from_nanos(1 << 42));
}

#[test]
fn another_quantile_is_read_off_the_same_samples() {
    let now = start();
    let mut moving = MovingQuantile::new(0.95, WINDOW, now);
    for millis in 1..=100 {
        moving.record(Duration::from_millis(millis), now);
    }
    moving.retarget(0.5, WINDOW);
    assert!(close(moving.value().unwrap(), Duration::from_millis(50)));
    assert_eq!(moving.samples(), 100);
}
