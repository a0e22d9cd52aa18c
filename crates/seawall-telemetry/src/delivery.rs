use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{self, BatchSpanProcessor, Span, SpanData, SpanProcessor};
use serde::{Deserialize, Serialize};

/// How the sending of one signal goes. The SDK keeps this to itself, and reports a shutdown that sent nothing as
/// a success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryStats {
    /// Spans that ended, or sendings of metrics that began.
    pub begun: u64,
    /// How many of them the collector took.
    pub delivered: u64,
    /// How many were given up after their retries.
    pub failed: u64,
    /// What the last failure said; none once a sending succeeds.
    pub last_error: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Delivery {
    begun: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Delivery {
    pub(crate) fn stats(&self) -> DeliveryStats {
        DeliveryStats {
            begun: self.begun.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            failed: self.failed.load(Relaxed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn note(&self, count: u64, result: &OTelSdkResult) {
        let counter = if result.is_ok() { &self.delivered } else { &self.failed };
        counter.fetch_add(count, Relaxed);
        let error = result.as_ref().err().map(ToString::to_string);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

#[derive(Debug)]
pub(crate) struct WatchedMetrics {
    pub(crate) exporter: MetricExporter,
    pub(crate) delivery: Arc<Delivery>,
}

impl PushMetricExporter for WatchedMetrics {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.delivery.begun.fetch_add(1, Relaxed);
        let result = self.exporter.export(metrics).await;
        self.delivery.note(1, &result);
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

#[derive(Debug)]
pub(crate) struct WatchedSpans {
    pub(crate) exporter: SpanExporter,
    pub(crate) delivery: Arc<Delivery>,
}

impl trace::SpanExporter for WatchedSpans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let result = self.exporter.export(batch).await;
        self.delivery.note(count, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Counts the spans that end, so that those still waiting at shutdown are known.
#[derive(Debug)]
pub(crate) struct WatchedProcessor {
    pub(crate) processor: BatchSpanProcessor,
    pub(crate) delivery: Arc<Delivery>,
}

impl SpanProcessor for WatchedProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.processor.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.delivery.begun.fetch_add(1, Relaxed);
        }
        self.processor.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}
