use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream};
use prometheus::{Registry as PrometheusRegistry, TextEncoder};
use seawall_core::InvalidConfig;

use crate::config::TelemetryConfig;
use crate::durations::DurationHistograms;
use crate::measures::Measures;
use crate::names::{CIRCUIT_STATES, EVENTS, OUTCOMES, SCOPE, attribute, metric};
use crate::otlp::Otlp;
use crate::registry::Registry;
use crate::series::Series;

/// In seconds. Finer at the low end than the HTTP convention's, for files and caches; coarser nowhere.
const DURATION_BOUNDARIES: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Those that the HTTP convention advises.
const HTTP_BOUNDARIES: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Those that the convention for databases advises.
const DB_BOUNDARIES: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// The boundaries of a metric of durations.
pub(crate) fn boundaries_of(metric: &str) -> &'static [f64] {
    match metric {
        metric::HTTP_CLIENT_REQUEST_DURATION => &HTTP_BOUNDARIES,
        metric::DB_CLIENT_OPERATION_DURATION => &DB_BOUNDARIES,
        _ => &DURATION_BOUNDARIES,
    }
}

/// The `OpenTelemetry` instruments and who reads them.
pub(crate) struct Meters {
    pub(crate) provider: SdkMeterProvider,
    pub(crate) meter: Meter,
    pub(crate) durations: DurationHistograms,
    pub(crate) measures: Measures,
    prometheus: Option<PrometheusRegistry>,
}

impl Meters {
    /// None if nobody would read the instruments.
    pub(crate) fn new(
        config: &TelemetryConfig,
        resource: Resource,
        otlp: Option<&Otlp>,
    ) -> Result<Option<Self>, InvalidConfig> {
        if !config.prometheus && otlp.is_none() {
            return Ok(None);
        }
        let mut builder = SdkMeterProvider::builder().with_resource(resource).with_view(limit_view(config));
        let mut prometheus = None;
        if config.prometheus {
            let registry = PrometheusRegistry::new();
            let exporter = opentelemetry_prometheus::exporter()
                .with_registry(registry.clone())
                .scope_info_enabled(false)
                .build()
                .expect("an empty registry refuses no collector");
            builder = builder.with_reader(exporter);
            prometheus = Some(registry);
        }
        if let Some(otlp) = otlp {
            let reader = PeriodicReader::builder(otlp.metric_exporter()?).with_interval(otlp.interval);
            builder = builder.with_reader(reader.build());
        }
        let provider = builder.build();
        let meter = provider.meter(SCOPE);
        let durations = |name, description| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(DURATION_BOUNDARIES.to_vec())
                .build()
        };
        let durations = DurationHistograms {
            calls: durations(metric::PIPELINE_DURATION, "Duration of whole calls, all attempts included"),
            attempts: durations(metric::ATTEMPT_DURATION, "Duration of single attempts"),
            queues: durations(metric::QUEUE_DURATION, "Time that calls waited their turn"),
        };
        let measures = Measures::new(meter.clone(), config.max_series.get());
        Ok(Some(Self { provider, meter, durations, measures, prometheus }))
    }

    /// Counters and states are read from the registry when somebody collects, and cost nothing before.
    pub(crate) fn observe(&self, registry: &Arc<Registry>) {
        // Weak, because the provider outlives its owner wherever a reader keeps it.
        let events = Arc::downgrade(registry);
        self.meter
            .u64_observable_counter(metric::EVENT)
            .with_description("Events of resilience strategies")
            .with_callback(move |observer| {
                for series in events.upgrade().iter().flat_map(|registry| registry.series()) {
                    for (name, count) in
                        EVENTS.into_iter().zip(series.events()).filter(|(_, count)| *count > 0)
                    {
                        let mut attributes = series.labels.attributes();
                        attributes.push(KeyValue::new(attribute::EVENT_NAME, name));
                        observer.observe(count, &attributes);
                    }
                }
            })
            .build();
        let circuits = Arc::downgrade(registry);
        self.meter
            .u64_observable_gauge(metric::CIRCUIT_BREAKER_STATE)
            .with_description("1 for the state a circuit breaker is in, 0 for the others")
            .with_callback(move |observer| {
                for series in circuits.upgrade().iter().flat_map(|registry| registry.series()) {
                    let Some(current) = series.circuit() else { continue };
                    for (state, name) in CIRCUIT_STATES.into_iter().enumerate() {
                        let mut attributes = series.labels.attributes();
                        attributes.push(KeyValue::new(attribute::CIRCUIT_BREAKER_STATE, name));
                        observer.observe(u64::from(state == current), &attributes);
                    }
                }
            })
            .build();
        let limit = "Calls at a time, or calls a second, that a limit allows";
        self.observe_last(registry, metric::LIMIT, "{call}", limit, Series::limit);
        let balance = "Retries that a budget held when it was last asked";
        self.observe_last(registry, metric::BUDGET_BALANCE, "{retry}", balance, Series::balance);
    }

    /// A gauge of what was last told, for the series of which anything was.
    fn observe_last(
        &self,
        registry: &Arc<Registry>,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        read: fn(&Series) -> Option<f64>,
    ) {
        let registry = Arc::downgrade(registry);
        let gauge = self.meter.f64_observable_gauge(name).with_unit(unit).with_description(description);
        gauge
            .with_callback(move |observer| {
                for series in registry.upgrade().iter().flat_map(|registry| registry.series()) {
                    if let Some(last) = read(&series) {
                        observer.observe(last, &series.labels.attributes());
                    }
                }
            })
            .build();
    }

    pub(crate) fn render_prometheus(&self) -> String {
        let Some(registry) = &self.prometheus else { return String::new() };
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&registry.gather(), &mut text) {
            tracing::error!(target: crate::names::LOG_TARGET, %error, "cannot write metrics for prometheus");
        }
        text
    }
}

/// Our own caps are the only ones that bind: the SDK's (2000 sets of attributes, then all labels are lost) is raised
/// to what our caps let through.
fn limit_view(config: &TelemetryConfig) -> impl Fn(&Instrument) -> Option<Stream> + Send + Sync + 'static {
    // One more for the series that collects the overflow.
    let series = config.max_series.get().saturating_add(1);
    move |instrument| {
        let sets_per_series = match instrument.name() {
            metric::EVENT => EVENTS.len(),
            metric::PIPELINE_DURATION | metric::ATTEMPT_DURATION => OUTCOMES.len(),
            metric::CIRCUIT_BREAKER_STATE => CIRCUIT_STATES.len(),
            metric::QUEUE_DURATION
            | metric::LIMIT
            | metric::BUDGET_BALANCE
            | metric::HTTP_CLIENT_REQUEST_DURATION
            | metric::DB_CLIENT_OPERATION_DURATION => 1,
            _ => return None,
        };
        Stream::builder().with_cardinality_limit(series.saturating_mul(sets_per_series)).build().ok()
    }
}
