use std::time::Duration;

/// How long answers took, in order.
#[derive(Debug)]
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(super) fn new(all: impl Iterator<Item = Duration>) -> Self {
        let mut sorted: Vec<_> = all.collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    /// The shortest time within which so many of a thousand were answered (the nearest rank: always one that occurred).
    /// None if there were no answers.
    pub(super) fn within(&self, per_mille: usize) -> Option<Duration> {
        let rank = (self.0.len() * per_mille).div_ceil(1000);
        self.0.get(rank.saturating_sub(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let latencies = Latencies::new((1..=1000).rev().map(Duration::from_millis));
        assert_eq!(latencies.within(500), Some(Duration::from_millis(500)));
        assert_eq!(latencies.within(999), Some(Duration::from_millis(999)));
        let few = Latencies::new([3, 1, 2].map(Duration::from_millis).into_iter());
        assert_eq!(few.within(500), Some(Duration::from_millis(2)));
        assert_eq!(few.within(999), Some(Duration::from_millis(3)));
        assert_eq!(Latencies::new(std::iter::empty()).within(500), None);
    }
}
