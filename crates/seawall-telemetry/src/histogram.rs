//! A bounded histogram of durations: log-linear buckets, relaxed atomics, no allocation after it is made.
//!
//! Buckets as in [HdrHistogram](https://hdrhistogram.github.io/HdrHistogram/): each power of two is cut into
//! 32 equal parts, so a bucket is at most 1/32 of its lower bound wide, and its middle at most 1/64 off.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const SUB_BITS: u32 = 5;
const SUB_BUCKETS: u64 = 1 << SUB_BITS;
/// Longer durations (2⁴² ns, about 73 minutes) fall into the last bucket; their maximum and mean stay exact.
const MAX_BITS: u32 = 42;
pub(crate) const BUCKETS: usize = ((MAX_BITS - SUB_BITS + 1) << SUB_BITS) as usize;

pub(crate) struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    max: AtomicU64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }

    pub(crate) fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(nanos)].fetch_add(1, Relaxed);
        self.sum.fetch_add(nanos, Relaxed);
        // A read is much cheaper than a write that changes nothing.
        if nanos > self.max.load(Relaxed) {
            self.max.fetch_max(nanos, Relaxed);
        }
    }
}

/// What histograms held at one time, added together.
pub(crate) struct Counts {
    buckets: Vec<u64>,
    sum: u64,
    max: u64,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self { buckets: vec![0; BUCKETS], sum: 0, max: 0 }
    }

    pub(crate) fn add(&mut self, histogram: &Histogram) {
        for (total, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *total += bucket.load(Relaxed);
        }
        self.sum = self.sum.wrapping_add(histogram.sum.load(Relaxed));
        self.max = self.max.max(histogram.max.load(Relaxed));
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(crate) fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum.checked_div(self.count()).unwrap_or(0))
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The duration that a share `quantile` of all calls did not exceed (nearest rank), at most 1/64 off.
    pub(crate) fn quantile(&self, quantile: f64) -> Duration {
        let rank = ((quantile * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(middle_of(index).min(self.max));
            }
        }
        Duration::ZERO
    }
}

fn bucket_of(nanos: u64) -> usize {
    let value = nanos.min((1 << MAX_BITS) - 1);
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(SUB_BITS + 1);
    // Below 2 * SUB_BUCKETS the shift is zero, and a value is its own bucket.
    (u64::from(shift) * SUB_BUCKETS + (value >> shift)) as usize
}

fn middle_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / SUB_BUCKETS).saturating_sub(1);
    let lower = (bucket - shift * SUB_BUCKETS) << shift;
    lower + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_buckets_cover_everything_without_a_gap() {
        assert_eq!(bucket_of(0), 0);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        for bucket in 0..BUCKETS {
            assert_eq!(bucket_of(middle_of(bucket)), bucket);
        }
    }

    #[test]
    fn an_empty_histogram_answers_zero() {
        let counts = Counts::new();
        assert_eq!((counts.quantile(0.99), counts.mean(), counts.max()), Default::default());
    }

    #[test]
    fn a_duration_beyond_the_last_bucket_keeps_its_maximum() {
        let histogram = Histogram::new();
        histogram.record(Duration::from_hours(5));
        let mut counts = Counts::new();
        counts.add(&histogram);
        assert_eq!(counts.max(), Duration::from_hours(5));
        assert_eq!(counts.mean(), Duration::from_hours(5));
        assert_eq!(counts.count(), 1);
    }

    proptest! {
        #[test]
        fn quantiles_stay_within_the_documented_error(
            // Exponents spread the samples over all magnitudes, from nanoseconds to an hour.
            samples in prop::collection::vec((0u32..42, any::<u64>()), 1..400),
            quantile in 0.0f64..=1.0,
        ) {
            let mut nanos: Vec<u64> = samples.iter().map(|(bits, raw)| raw & ((1u64 << bits) - 1)).collect();
            // Two histograms, so that adding them is under test too.
            let (even, odd) = (Histogram::new(), Histogram::new());
            for (index, nanos) in nanos.iter().enumerate() {
                let histogram = if index % 2 == 0 { &even } else { &odd };
                histogram.record(Duration::from_nanos(*nanos));
            }
            let mut counts = Counts::new();
            counts.add(&even);
            counts.add(&odd);

            nanos.sort_unstable();
            let rank = ((quantile * nanos.len() as f64).ceil() as usize).max(1);
            let exact = nanos[rank - 1] as f64;
            let told = counts.quantile(quantile).as_nanos() as f64;
            prop_assert!((told - exact).abs() <= exact / 64.0, "told {told}, exact {exact}");
            prop_assert_eq!(counts.max().as_nanos() as u64, *nanos.last().unwrap());
            prop_assert_eq!(counts.count(), nanos.len() as u64);
            prop_assert_eq!(counts.mean().as_nanos() as u64, nanos.iter().sum::<u64>() / nanos.len() as u64);
        }
    }
}
