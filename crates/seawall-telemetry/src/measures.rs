use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use hashbrown::{Equivalent, HashMap};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, Histogram, Meter};
use seawall_core::{AttributeValue, Measurement};

use crate::meters::boundaries_of;
use crate::names::attribute;

/// What clients measure in the words of their own conventions: a histogram for each metric, with a handle for each set
/// of attributes. Bounded, never locked to find one, never shrinking.
pub(crate) struct Measures {
    meter: Meter,
    series: ArcSwap<Series>,
    /// Held while a series is added, so that no addition is lost.
    histograms: Mutex<HashMap<&'static str, Histogram<f64>>>,
    max_series: usize,
}

type Series = HashMap<Key, Arc<BoundHistogram<f64>>>;

impl Measures {
    pub(crate) fn new(meter: Meter, max_series: usize) -> Self {
        Self { meter, series: ArcSwap::default(), histograms: Mutex::default(), max_series }
    }

    pub(crate) fn record(&self, measurement: &Measurement<'_>) {
        let seconds = measurement.elapsed.as_secs_f64();
        {
            let series = self.series.load();
            if let Some(handle) = series.get(&Borrowed(measurement)) {
                return handle.record(seconds);
            }
        }
        self.add(measurement).record(seconds);
    }

    /// Copies the index for each series it adds, which is rare. Beyond the cap, all that is new is counted in one series,
    /// marked as the SDK marks its own.
    #[cold]
    fn add(&self, measurement: &Measurement<'_>) -> Arc<BoundHistogram<f64>> {
        let mut histograms = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.series.load();
        if let Some(handle) = current.get(&Borrowed(measurement)) {
            return Arc::clone(handle);
        }
        let overflow = [(attribute::OVERFLOW, AttributeValue::Text("true"))];
        let is_full = current.len() >= self.max_series;
        let kept = if is_full { Measurement { attributes: &overflow, ..*measurement } } else { *measurement };
        if let Some(handle) = current.get(&Borrowed(&kept)) {
            return Arc::clone(handle);
        }
        let histogram =
            histograms.entry(kept.metric).or_insert_with(|| histogram(&self.meter, measurement.metric));
        let handle = Arc::new(histogram.bind(&key_values(&kept)));
        let mut series = Series::clone(&current);
        series.insert(Key::of(&kept), Arc::clone(&handle));
        self.series.store(Arc::new(series));
        handle
    }
}

fn histogram(meter: &Meter, metric: &'static str) -> Histogram<f64> {
    meter
        .f64_histogram(metric)
        .with_unit("s")
        .with_description("Duration of a client's operations")
        .with_boundaries(boundaries_of(metric).to_vec())
        .build()
}

fn key_values(measurement: &Measurement<'_>) -> Vec<KeyValue> {
    let key_value = |&(name, value): &(&'static str, AttributeValue<'_>)| match value {
        AttributeValue::Text("true") if name == attribute::OVERFLOW => KeyValue::new(name, true),
        AttributeValue::Text(text) => KeyValue::new(name, text.to_owned()),
        AttributeValue::Number(number) => KeyValue::new(name, number),
    };
    measurement.attributes.iter().map(key_value).collect()
}

/// A metric and its attributes.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    metric: &'static str,
    attributes: Box<[(&'static str, Value)]>,
}

#[derive(Clone, PartialEq, Eq)]
enum Value {
    Text(Box<str>),
    Number(i64),
}

impl Key {
    fn of(measurement: &Measurement<'_>) -> Self {
        let owned = |value| match value {
            AttributeValue::Text(text) => Value::Text(Box::from(text)),
            AttributeValue::Number(number) => Value::Number(number),
        };
        let attributes = measurement.attributes.iter().map(|&(name, value)| (name, owned(value))).collect();
        Self { metric: measurement.metric, attributes }
    }

    fn attributes(&self) -> impl ExactSizeIterator<Item = (&'static str, AttributeValue<'_>)> {
        self.attributes.iter().map(|(name, value)| (*name, value.borrowed()))
    }
}

impl Value {
    fn borrowed(&self) -> AttributeValue<'_> {
        match self {
            Self::Text(text) => AttributeValue::Text(text),
            Self::Number(number) => AttributeValue::Number(*number),
        }
    }
}

/// Hashes as [`Key`] does, so that looking up a series allocates nothing.
struct Borrowed<'a>(&'a Measurement<'a>);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.metric, self.attributes(), state);
    }
}

impl Hash for Borrowed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.0.metric, self.0.attributes.iter().copied(), state);
    }
}

impl Equivalent<Key> for Borrowed<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0.metric == key.metric && self.0.attributes.iter().copied().eq(key.attributes())
    }
}

fn hash<'a, H: Hasher>(
    metric: &str,
    attributes: impl Iterator<Item = (&'static str, AttributeValue<'a>)>,
    state: &mut H,
) {
    metric.hash(state);
    for attribute in attributes {
        attribute.hash(state);
    }
}
