use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracerProvider};
use seawall_core::InvalidConfig;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::config::OtlpConfig;
use crate::delivery::{Delivery, WatchedMetrics, WatchedProcessor, WatchedSpans};

/// One collector, and what it was sent.
pub(crate) struct Otlp {
    client: Arc<dyn HttpClient>,
    endpoint: String,
    headers: HashMap<String, String>,
    timeout: Duration,
    sample_ratio: f64,
    pub(crate) interval: Duration,
    pub(crate) metrics: Arc<Delivery>,
    pub(crate) spans: Arc<Delivery>,
}

impl Otlp {
    pub(crate) fn new(config: &OtlpConfig) -> Result<Self, InvalidConfig> {
        config.check()?;
        Ok(Self {
            client: Arc::new(blocking_client(config.timeout)?),
            endpoint: config.endpoint.trim_end_matches('/').to_owned(),
            headers: config.headers.clone().into_iter().collect(),
            timeout: config.timeout,
            sample_ratio: config.sample_ratio,
            interval: config.interval,
            metrics: Arc::default(),
            spans: Arc::default(),
        })
    }

    pub(crate) fn metric_exporter(&self) -> Result<WatchedMetrics, InvalidConfig> {
        let exporter = MetricExporter::builder()
            .with_http()
            .with_shared_http_client(Arc::clone(&self.client))
            .with_headers(self.headers.clone())
            .with_endpoint(format!("{}/v1/metrics", self.endpoint))
            .with_timeout(self.timeout)
            .build()
            .map_err(|error| self.refused(&error))?;
        Ok(WatchedMetrics { exporter, delivery: Arc::clone(&self.metrics) })
    }

    pub(crate) fn tracer_provider(&self, resource: Resource) -> Result<SdkTracerProvider, InvalidConfig> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(Arc::clone(&self.client))
            .with_headers(self.headers.clone())
            .with_endpoint(format!("{}/v1/traces", self.endpoint))
            .with_timeout(self.timeout)
            .build()
            .map_err(|error| self.refused(&error))?;
        let exporter = WatchedSpans { exporter, delivery: Arc::clone(&self.spans) };
        let processor = BatchSpanProcessor::builder(exporter).build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.sample_ratio)));
        Ok(SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler)
            .with_span_processor(WatchedProcessor { processor, delivery: Arc::clone(&self.spans) })
            .build())
    }

    /// Whether the sampler lets through what is made within `parent`, as far as that is certain beforehand.
    pub(crate) fn samples_below(&self, parent: &tracing::Span) -> bool {
        if parent.is_disabled() {
            return self.sample_ratio > 0.0;
        }
        let context = parent.context();
        let span = context.span();
        // One that is no part of a trace leaves it to the ratio.
        if span.span_context().is_valid() {
            span.span_context().is_sampled()
        } else {
            self.sample_ratio > 0.0
        }
    }

    fn refused(&self, error: &opentelemetry_otlp::ExporterBuildError) -> InvalidConfig {
        InvalidConfig::new("otlp.endpoint", &self.endpoint, format!("must suit the exporter: {error}"))
    }
}

/// The exporters run on threads without a runtime, where an async client panics in silence. They are handed this
/// one, whatever client the features of other crates would choose for them.
fn blocking_client(timeout: Duration) -> Result<reqwest::blocking::Client, InvalidConfig> {
    // A blocking client refuses to be built on a thread of a runtime.
    let built = thread::spawn(move || {
        let never = reqwest::redirect::Policy::none();
        reqwest::blocking::Client::builder().timeout(timeout).redirect(never).build()
    })
    .join()
    .expect("the thread that builds the client does not panic");
    built.map_err(|error| {
        InvalidConfig::new("otlp", "set", format!("must find a usable HTTP client: {error}"))
    })
}
