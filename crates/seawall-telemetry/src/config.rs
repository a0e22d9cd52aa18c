use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use seawall_core::{InvalidConfig, friendly_duration};
use serde::{Deserialize, Serialize};
use url::Url;

/// What [`Telemetry`](crate::Telemetry) keeps and where it sends it.
///
/// | field | default | |
/// |---|---|---|
/// | `service_name` | none | `OTEL_SERVICE_NAME`, else `unknown_service` |
/// | `resource` | empty | further attributes of the process, such as `deployment.environment.name` |
/// | `prometheus` | `true` | whether [`render_prometheus`](crate::Telemetry::render_prometheus) has anything to show |
/// | `otlp` | none (off) | where metrics and spans are sent |
/// | `max_labels` | 128 | distinct pipelines, strategies and targets, each; more are counted as `_OTHER` |
/// | `max_series` | 1024 | series in all; more are counted as `_OTHER` |
///
/// A series that sees whole calls takes up to 40 KiB, any other 1 KiB: with the defaults the statistics stay below
/// 40 MiB whatever they are told, and far below that where targets are few. Exporters keep about as much again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// The name of this service in traces and metrics.
    pub service_name: Option<String>,
    /// Further attributes of this process.
    pub resource: BTreeMap<String, String>,
    /// Whether metrics are kept for Prometheus to scrape.
    pub prometheus: bool,
    /// Where metrics and spans are sent; nowhere if absent.
    pub otlp: Option<OtlpConfig>,
    /// How many distinct values each label may have before further ones become `_OTHER`.
    pub max_labels: NonZeroUsize,
    /// How many series there may be before further ones become `_OTHER`.
    pub max_series: NonZeroUsize,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            service_name: None,
            resource: BTreeMap::new(),
            prometheus: true,
            otlp: None,
            max_labels: const { NonZeroUsize::new(128).expect("not zero") },
            max_series: const { NonZeroUsize::new(1024).expect("not zero") },
        }
    }
}

impl TelemetryConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        self.otlp.as_ref().map_or(Ok(()), OtlpConfig::check)
    }
}

/// Where metrics and spans are sent: OTLP over HTTP with protobuf bodies.
///
/// | field | default | |
/// |---|---|---|
/// | `endpoint` | `http://localhost:4318` | `/v1/metrics` and `/v1/traces` are added |
/// | `headers` | empty | secret: shown by `Debug` by name only |
/// | `interval` | 30 s | between two sendings of metrics |
/// | `timeout` | 5 s | of one sending |
/// | `sample_ratio` | 1 | share of traces begun here that is sent; a caller's decision is followed |
///
/// Headers in `OTEL_EXPORTER_OTLP_HEADERS` are sent too. Serializing writes the headers in full, so that a
/// configuration can be read back: do not show it to strangers.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// The collector's base address, without user name, password, query or fragment.
    pub endpoint: String,
    /// Headers sent with each request, such as an API key.
    pub headers: BTreeMap<String, String>,
    /// How long to wait between two sendings of metrics. Not zero.
    #[serde(with = "friendly_duration")]
    pub interval: Duration,
    /// How long one sending may take. Not zero.
    #[serde(with = "friendly_duration")]
    pub timeout: Duration,
    /// The share of traces begun here that is sent, from 0 to 1.
    pub sample_ratio: f64,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:4318".to_owned(),
            headers: BTreeMap::new(),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            sample_ratio: 1.0,
        }
    }
}

impl OtlpConfig {
    /// Checks what the exporters would take without a word and then not do.
    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        self.check_endpoint()?;
        for (name, value) in &self.headers {
            if name.parse::<HeaderName>().is_err() {
                return Err(InvalidConfig::new(
                    "otlp.headers",
                    name,
                    "must be named as an HTTP header may be",
                ));
            }
            if value.parse::<HeaderValue>().is_err() {
                let field = format!("otlp.headers.{name}");
                return Err(InvalidConfig::new(field, "[redacted]", "must hold visible ASCII characters"));
            }
        }
        for (field, duration) in [("otlp.interval", self.interval), ("otlp.timeout", self.timeout)] {
            if duration.is_zero() {
                return Err(InvalidConfig::new(field, "0s", "must be above 0s"));
            }
        }
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(InvalidConfig::new("otlp.sample_ratio", self.sample_ratio, "must be from 0 to 1"));
        }
        Ok(())
    }

    fn check_endpoint(&self) -> Result<(), InvalidConfig> {
        let refuse = |rule| Err(InvalidConfig::new("otlp.endpoint", self.endpoint_to_show(), rule));
        let Ok(url) = Url::parse(&self.endpoint) else {
            return refuse("must be an address such as http://localhost:4318");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse("must begin with http:// or https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must hold no user name or password: send them as a header");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("must hold no query or fragment: /v1/metrics and /v1/traces are added to it");
        }
        Ok(())
    }

    /// Whatever stands before an `@` may be a password.
    fn endpoint_to_show(&self) -> String {
        match self.endpoint.rsplit_once('@') {
            Some((_, host)) => format!("[redacted]@{host}"),
            None => self.endpoint.clone(),
        }
    }
}

impl fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint: _, headers, interval, timeout, sample_ratio } = self;
        let headers: BTreeMap<_, _> = headers.keys().map(|name| (name, "[redacted]")).collect();
        f.debug_struct("OtlpConfig")
            .field("endpoint", &self.endpoint_to_show())
            .field("headers", &headers)
            .field("interval", interval)
            .field("timeout", timeout)
            .field("sample_ratio", sample_ratio)
            .finish()
    }
}
