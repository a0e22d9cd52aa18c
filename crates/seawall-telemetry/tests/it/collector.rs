//! A collector that decodes what arrives on the wire.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use seawall_telemetry::{OtlpConfig, TelemetryConfig};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// One request, decoded.
pub(crate) enum Received {
    Metrics(HeaderMap, ExportMetricsServiceRequest),
    Traces(HeaderMap, ExportTraceServiceRequest),
}

pub(crate) struct Collector {
    address: SocketAddr,
    received: UnboundedReceiver<Received>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let router = Router::new()
            .route("/v1/metrics", post(metrics))
            .route("/v1/traces", post(traces))
            .with_state(sender);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, received }
    }

    pub(crate) fn otlp(&self) -> OtlpConfig {
        OtlpConfig { endpoint: format!("http://{}", self.address), ..OtlpConfig::default() }
    }

    pub(crate) fn config(&self) -> TelemetryConfig {
        TelemetryConfig { otlp: Some(self.otlp()), ..TelemetryConfig::default() }
    }

    /// Everything that has arrived by now.
    pub(crate) fn received(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }

    pub(crate) async fn next(&mut self) -> Received {
        self.received.recv().await.expect("the collector runs as long as the test")
    }
}

async fn metrics(
    State(sender): State<UnboundedSender<Received>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    sender.send(Received::Metrics(headers, request)).unwrap();
    StatusCode::OK
}

async fn traces(
    State(sender): State<UnboundedSender<Received>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    sender.send(Received::Traces(headers, request)).unwrap();
    StatusCode::OK
}

impl Received {
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let Self::Metrics(_, request) = self else { return Vec::new() };
        request
            .resource_metrics
            .iter()
            .flat_map(|resource| &resource.scope_metrics)
            .flat_map(|scope| scope.metrics.clone())
            .collect()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let Self::Traces(_, request) = self else { return Vec::new() };
        request
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| scope.spans.clone())
            .collect()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        match self {
            Self::Metrics(headers, _) | Self::Traces(headers, _) => headers,
        }
    }

    pub(crate) fn resource(&self) -> Vec<(String, String)> {
        let resource = match self {
            Self::Metrics(_, request) => request.resource_metrics[0].resource.clone(),
            Self::Traces(_, request) => request.resource_spans[0].resource.clone(),
        };
        texts(&resource.unwrap().attributes)
    }
}

/// The attributes that hold text, sorted.
pub(crate) fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let mut texts: Vec<_> = attributes
        .iter()
        .filter_map(|attribute| match attribute.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some((attribute.key.clone(), text.clone())),
            _ => None,
        })
        .collect();
    texts.sort();
    texts
}
