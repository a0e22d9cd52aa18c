use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use seawall_core::{Event, InvalidConfig, Measurement, Observer, Origin};

use crate::config::TelemetryConfig;
use crate::delivery::DeliveryStats;
use crate::log_events;
use crate::meters::Meters;
use crate::otlp::Otlp;
use crate::registry::{Limits, Registry};
use crate::stats::StatsSnapshot;
use crate::traces::inject_trace;

/// Hears what policies and layers tell, and passes it on: as statistics, metrics and log events.
///
/// Make one per process, share it as `Arc<Telemetry>`, and hand it to everything that takes an
/// [`Observer`]. Telling an event or a measurement takes no lock and, once its series is known, allocates nothing.
///
/// End it with [`shutdown`](Self::shutdown). Dropping it instead never blocks, and loses what was not sent yet.
pub struct Telemetry {
    registry: Arc<Registry>,
    pub(crate) meters: Option<Meters>,
    pub(crate) tracers: Option<SdkTracerProvider>,
    pub(crate) otlp: Option<Otlp>,
    pub(crate) is_shut_down: AtomicBool,
}

impl Telemetry {
    /// Builds exporters as configured; starts their threads, but asks nothing of the network yet.
    ///
    /// # Errors
    /// Says which field cannot work.
    pub fn new(config: &TelemetryConfig) -> Result<Self, InvalidConfig> {
        let resource = resource(config);
        let otlp = config.otlp.as_ref().map(Otlp::new).transpose()?;
        let tracers = otlp.as_ref().map(|otlp| otlp.tracer_provider(resource.clone())).transpose()?;
        let meters = Meters::new(config, resource, otlp.as_ref())?;
        let limits = Limits { labels: config.max_labels.get(), series: config.max_series.get() };
        let histograms = meters.as_ref().map(|meters| meters.durations.clone());
        let registry = Arc::new(Registry::new(limits, histograms));
        if let Some(meters) = &meters {
            meters.observe(&registry);
        }
        Ok(Self { registry, meters, tracers, otlp, is_shut_down: AtomicBool::new(false) })
    }

    /// What happened since the start, by pipeline and target.
    pub fn stats(&self) -> StatsSnapshot {
        StatsSnapshot::of(&self.registry)
    }

    /// All metrics in Prometheus' text format; empty if Prometheus is off.
    pub fn render_prometheus(&self) -> String {
        self.meters.as_ref().map(Meters::render_prometheus).unwrap_or_default()
    }

    /// How the sending of spans and metrics goes, in this order; none if OTLP is off.
    pub fn deliveries(&self) -> Option<(DeliveryStats, DeliveryStats)> {
        self.otlp.as_ref().map(|otlp| (otlp.spans.stats(), otlp.metrics.stats()))
    }

    /// Exports a value that goes up and down, such as the size of a pool. `read` is asked at each collection: it
    /// must neither block nor panic. Call it once per set of attributes; it lasts as long as the telemetry.
    ///
    /// `unit` is as UCUM writes it: `s`, `By`, `{connection}`.
    pub fn gauge(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        attributes: &[(&'static str, String)],
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let Some(meters) = &self.meters else { return };
        let attributes = key_values(attributes);
        let gauge = meters.meter.f64_observable_gauge(name).with_unit(unit).with_description(description);
        gauge.with_callback(move |observer| observer.observe(read(), &attributes)).build();
    }

    /// Exports a value that only grows, such as the hits of a cache. Otherwise as [`gauge`](Self::gauge).
    pub fn counter(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        attributes: &[(&'static str, String)],
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        let Some(meters) = &self.meters else { return };
        let attributes = key_values(attributes);
        let counter = meters.meter.u64_observable_counter(name).with_unit(unit).with_description(description);
        counter.with_callback(move |observer| observer.observe(read(), &attributes)).build();
    }

    /// The meter behind it all, for what [`gauge`](Self::gauge) and [`counter`](Self::counter) do not cover; none if
    /// nobody reads metrics. Its type belongs to the `OpenTelemetry` that this crate re-exports.
    pub fn meter(&self) -> Option<Meter> {
        self.meters.as_ref().map(|meters| meters.meter.clone())
    }
}

impl Observer for Telemetry {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        self.registry.record(origin, event);
        log_events::write(origin, event);
    }

    fn measure(&self, measurement: &Measurement<'_>) {
        if let Some(meters) = &self.meters {
            meters.measures.record(measurement);
        }
    }

    fn wants_span(&self) -> bool {
        // Without a collector, the subscriber decides.
        self.otlp.as_ref().is_none_or(|otlp| otlp.samples_below(&tracing::Span::current()))
    }

    fn trace_headers(&self, set: &mut dyn FnMut(&str, &str)) {
        // Without a collector no span of ours is part of a trace.
        if self.tracers.is_some() {
            inject_trace(&tracing::Span::current(), |name, value| set(name, &value));
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("deliveries", &self.deliveries()).finish_non_exhaustive()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        // The providers shut themselves down when dropped, and block for seconds if their collector is away.
        // Not on this thread, which may be a runtime's.
        if self.otlp.is_some() && !self.is_shut_down.load(Relaxed) {
            let providers = (self.meters.take(), self.tracers.take());
            thread::spawn(move || drop(providers));
        }
    }
}

fn resource(config: &TelemetryConfig) -> Resource {
    let attributes = config.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    let builder = Resource::builder().with_attributes(attributes);
    match &config.service_name {
        Some(name) => builder.with_service_name(name.clone()).build(),
        None => builder.build(),
    }
}

fn key_values(attributes: &[(&'static str, String)]) -> Vec<KeyValue> {
    attributes.iter().map(|(name, value)| KeyValue::new(*name, value.clone())).collect()
}
