use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::telemetry::Telemetry;

/// What a shutdown could not send in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unflushed {
    /// Spans the collector did not take.
    pub spans: u64,
    /// Whether the last sending of metrics did not arrive.
    pub metrics: bool,
    /// What the last failed sending said, if one ended at all.
    pub last_error: Option<String>,
}

impl fmt::Display for Unflushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics = if self.metrics { " and the last metrics" } else { "" };
        write!(f, "telemetry lost {} spans{metrics}", self.spans)?;
        match &self.last_error {
            Some(error) => write!(f, ": {error}"),
            None => f.write_str(": the collector did not answer in time"),
        }
    }
}

impl std::error::Error for Unflushed {}

impl Telemetry {
    /// Sends what is still waiting to the collector, and stops the exporters. Returns no later than after
    /// `deadline`, and leaves the runtime free to end: what still waits for the collector then does so on threads
    /// of its own, which end with the process.
    ///
    /// Statistics stay readable; without OTLP there is nothing to send, and Prometheus may scrape on. Cancel safe
    /// in that the exporters stop all the same, and nobody hears what was lost.
    ///
    /// # Errors
    /// Says what the collector did not take. A second call answers for what is lost since the first began.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), Unflushed> {
        let (Some(otlp), Some(meters), Some(tracers)) = (&self.otlp, &self.meters, &self.tracers) else {
            return Ok(());
        };
        self.is_shut_down.store(true, Relaxed);
        let failed_before = otlp.spans.stats().failed;
        // Not `spawn_blocking`: a runtime does not end before its blocking tasks do.
        let meter_provider = meters.provider.clone();
        let metrics = on_a_thread("seawall-flush-metrics", move || meter_provider.shutdown());
        let tracer_provider = tracers.clone();
        let spans =
            on_a_thread("seawall-flush-spans", move || tracer_provider.shutdown_with_timeout(deadline));
        let (metrics, _) = tokio::join!(timeout(deadline, metrics), timeout(deadline, spans));

        let metrics_lost = !matches!(metrics, Ok(Ok(Ok(()) | Err(OTelSdkError::AlreadyShutdown))));
        // What the SDK says of spans is no use: it reports a shutdown that sent nothing as a success.
        let stats = otlp.spans.stats();
        let spans_lost = stats.begun.saturating_sub(stats.delivered + failed_before);
        if spans_lost == 0 && !metrics_lost {
            return Ok(());
        }
        let last_error = stats.last_error.or_else(|| otlp.metrics.stats().last_error);
        Err(Unflushed { spans: spans_lost, metrics: metrics_lost, last_error })
    }
}

/// The answer never comes if there is no thread to be had.
fn on_a_thread(
    name: &str,
    work: impl FnOnce() -> OTelSdkResult + Send + 'static,
) -> oneshot::Receiver<OTelSdkResult> {
    let (sender, receiver) = oneshot::channel();
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Nobody listens any more once the deadline has passed.
        let _ = sender.send(work());
    });
    drop(spawned);
    receiver
}
