use std::collections::BTreeMap;
use std::time::Duration;

use seawall_core::Priority;
use serde::Serialize;

use super::Summary;
use super::figure::{Figure, Value, Worse};

/// Every figure of [`Summary`] over many seeds: its median, its worst, and the seed of the worst.
///
/// Worse is lower for goodput and fairness, higher for all else; never to recover is the worst of all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Across {
    /// How many seeds.
    pub seeds: usize,
    /// [`Summary::goodput`].
    pub goodput: Figure<f64>,
    /// Where the mean goodput of all seeds lies, with a confidence of 95 %, by Student's distribution. None with fewer
    /// than five seeds, which say too little.
    pub mean_goodput_between: Option<(f64, f64)>,
    /// [`Summary::recovery`].
    #[serde(rename = "recovery_seconds")]
    pub recovery: Figure<Option<Duration>>,
    /// [`Summary::amplification`].
    pub amplification: Figure<f64>,
    /// [`Summary::peak_amplification`].
    pub peak_amplification: Figure<f64>,
    /// [`Summary::wasted`].
    pub wasted: Figure<f64>,
    /// [`Summary::p50`].
    #[serde(rename = "p50_seconds")]
    pub p50: Figure<Option<Duration>>,
    /// [`Summary::p99`].
    #[serde(rename = "p99_seconds")]
    pub p99: Figure<Option<Duration>>,
    /// [`Summary::p999`].
    #[serde(rename = "p999_seconds")]
    pub p999: Figure<Option<Duration>>,
    /// [`Summary::refused`].
    pub refused: Figure<f64>,
    /// [`Summary::by_priority`], over the seeds with which the class called at all.
    pub by_priority: BTreeMap<Priority, Figure<f64>>,
    /// [`Summary::fairness`].
    pub fairness: Figure<f64>,
    /// [`Summary::lost`].
    pub lost: Figure<u64>,
}

impl Across {
    /// Of what was measured with each seed. None of nothing.
    pub fn new(runs: &[(u64, Summary)]) -> Option<Self> {
        use Worse::{Higher, Lower};
        let classes = runs.iter().flat_map(|(_, summary)| summary.by_priority.keys().copied());
        let class = |class: Priority| {
            let values = runs.iter().filter_map(|(seed, run)| Some((*seed, *run.by_priority.get(&class)?)));
            Some((class, Figure::new(values, Lower)?))
        };
        Some(Self {
            seeds: runs.len(),
            goodput: figure(runs, |run| run.goodput, Lower)?,
            mean_goodput_between: confidence(&runs.iter().map(|(_, run)| run.goodput).collect::<Vec<_>>()),
            recovery: figure(runs, |run| run.recovery, Higher)?,
            amplification: figure(runs, |run| run.amplification, Higher)?,
            peak_amplification: figure(runs, |run| run.peak_amplification, Higher)?,
            wasted: figure(runs, |run| run.wasted, Higher)?,
            p50: figure(runs, |run| run.p50, Higher)?,
            p99: figure(runs, |run| run.p99, Higher)?,
            p999: figure(runs, |run| run.p999, Higher)?,
            refused: figure(runs, |run| run.refused, Higher)?,
            by_priority: classes.filter_map(class).collect(),
            fairness: figure(runs, |run| run.fairness, Lower)?,
            lost: figure(runs, |run| run.lost, Higher)?,
        })
    }
}

fn figure<T: Value>(
    runs: &[(u64, Summary)],
    value: impl Fn(&Summary) -> T,
    worse: Worse,
) -> Option<Figure<T>> {
    Figure::new(runs.iter().map(|(seed, run)| (*seed, value(run))), worse)
}

/// Where the mean of shares lies, with a confidence of 95 %.
fn confidence(shares: &[f64]) -> Option<(f64, f64)> {
    if shares.len() < 5 {
        return None;
    }
    let count = shares.len() as f64;
    let mean = shares.iter().sum::<f64>() / count;
    let squares: f64 = shares.iter().map(|share| (share - mean).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    let off = student(count - 1.0) * error;
    Some(((mean - off).max(0.0), (mean + off).min(1.0)))
}

/// The 97.5 % point of Student's distribution, by its expansion around the normal one, within 1 % from four degrees of
/// freedom on (M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 1964, 26.7.5).
fn student(freedom: f64) -> f64 {
    let z = 1.959_964_f64;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_of_students_distribution_are_those_of_the_tables() {
        for (freedom, expected) in [(4.0, 2.776), (9.0, 2.262), (29.0, 2.045), (99.0, 1.984)] {
            let point = student(freedom);
            assert!((point / expected - 1.0).abs() < 0.01, "{point} for {expected}");
        }
    }
}
