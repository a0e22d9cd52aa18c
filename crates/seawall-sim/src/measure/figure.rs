use std::cmp::Ordering;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// One figure over many seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(bound = "T: Value")]
pub struct Figure<T> {
    /// Half of the seeds do no worse. It is a value that occurred: of an even number, the worse of the two in the middle.
    #[serde(serialize_with = "number")]
    pub median: T,
    /// A seed with which it occurred.
    pub median_seed: u64,
    /// The worst that occurred.
    #[serde(serialize_with = "number")]
    pub worst: T,
    /// The seed with which it occurred; the least, if there are several.
    pub worst_seed: u64,
}

/// Which values of a figure are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worse {
    Lower,
    Higher,
}

impl<T: Value> Figure<T> {
    /// Of these values, by seed. None of nothing.
    pub(super) fn new(values: impl Iterator<Item = (u64, T)>, is_worse: Worse) -> Option<Self> {
        let mut from_best: Vec<_> = values.collect();
        from_best.sort_by(|(seed, a), (other, b)| {
            let by_value = match is_worse {
                Worse::Higher => a.order(b),
                Worse::Lower => b.order(a),
            };
            by_value.then(other.cmp(seed))
        });
        let (worst_seed, worst) = *from_best.last()?;
        let (median_seed, median) = from_best[from_best.len() / 2];
        Some(Self { median, median_seed, worst, worst_seed })
    }
}

/// What figures are made of.
pub trait Value: Copy {
    /// The lower first; what is missing is higher than anything.
    fn order(&self, other: &Self) -> Ordering;
    /// What JSON has for it.
    type Number: Serialize;
    /// As JSON has it: times in seconds.
    fn number(self) -> Self::Number;
}

impl Value for f64 {
    type Number = Self;

    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }

    fn number(self) -> Self {
        self
    }
}

impl Value for u64 {
    type Number = Self;

    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn number(self) -> Self {
        self
    }
}

impl Value for Option<Duration> {
    type Number = Option<f64>;

    fn order(&self, other: &Self) -> Ordering {
        let length = |time: &Self| time.unwrap_or(Duration::MAX);
        length(self).cmp(&length(other))
    }

    fn number(self) -> Option<f64> {
        self.map(|time| time.as_secs_f64())
    }
}

fn number<T: Value, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.number().serialize(serializer)
}

/// A time as a number of seconds.
#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
pub(super) fn seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    number(time, serializer)
}
