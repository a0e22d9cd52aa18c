use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, Histogram};

use crate::names::{OUTCOMES, SUCCESS, attribute};
use crate::series::Labels;

/// The `OpenTelemetry` histograms of all series.
#[derive(Clone)]
pub(crate) struct DurationHistograms {
    pub(crate) calls: Histogram<f64>,
    pub(crate) attempts: Histogram<f64>,
    pub(crate) queues: Histogram<f64>,
}

/// An `OpenTelemetry` histogram with a handle per outcome, each resolved when it is first needed: a measurement
/// through a handle looks up no attributes and allocates nothing.
pub(crate) struct BoundDurations {
    /// None where nobody exports.
    histogram: Option<Histogram<f64>>,
    handles: [OnceLock<BoundHistogram<f64>>; OUTCOMES.len()],
}

impl BoundDurations {
    pub(crate) fn new(histogram: Option<Histogram<f64>>) -> Self {
        Self { histogram, handles: Default::default() }
    }

    pub(crate) fn record(&self, labels: &Labels, outcome: usize, elapsed: Duration) {
        let Some(histogram) = &self.histogram else { return };
        let handle = self.handles[outcome].get_or_init(|| {
            let mut attributes = labels.attributes();
            if outcome != SUCCESS {
                attributes.push(KeyValue::new(attribute::ERROR_TYPE, OUTCOMES[outcome]));
            }
            histogram.bind(&attributes)
        });
        handle.record(elapsed.as_secs_f64());
    }
}

impl Labels {
    /// As metric attributes, with room for one more.
    pub(crate) fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(4);
        attributes.push(KeyValue::new(attribute::PIPELINE_NAME, std::sync::Arc::clone(&self.pipeline)));
        attributes.push(KeyValue::new(attribute::STRATEGY_NAME, self.strategy));
        attributes.push(KeyValue::new(attribute::STRATEGY_TARGET, std::sync::Arc::clone(&self.target)));
        attributes
    }
}
