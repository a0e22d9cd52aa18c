use std::marker::PhantomData;

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Level, Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::names::SCOPE;
use crate::telemetry::Telemetry;

impl Telemetry {
    /// A layer for your `tracing` subscriber that sends spans of level `INFO` and above to the collector; none if
    /// OTLP is off. [`init_logging`](Self::init_logging) installs it by itself.
    ///
    /// It leaves out what the exporter itself does (`opentelemetry`, `reqwest`, `hyper`, `h2`), and log events: they
    /// are no part of a span.
    pub fn trace_layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.tracers.as_ref()?.tracer(SCOPE);
        // Without what is switched off here a span costs half, and each poll of it a quarter.
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_level(false)
            .with_context_activation(false);
        Some(layer.with_filter(filter_fn(is_exported)))
    }
}

fn is_exported(metadata: &Metadata<'_>) -> bool {
    const OF_THE_EXPORTER: [&str; 5] = ["opentelemetry", "reqwest", "hyper", "h2", "rustls"];
    let root = metadata.target().split("::").next().unwrap_or_default();
    // `hyper_util` and `opentelemetry_sdk` belong to their families.
    let family = root.split(['_', '-']).next().unwrap_or_default();
    metadata.is_span() && *metadata.level() <= Level::INFO && !OF_THE_EXPORTER.contains(&family)
}

/// Tells the next service which trace a call belongs to: hands `set` the W3C headers `traceparent` and, if there is
/// something in it, `tracestate`. Hands over nothing if `span` is not part of a trace.
pub fn inject_trace(span: &Span, set: impl FnMut(&str, String)) {
    let context = span.context();
    TraceContextPropagator::new().inject_context(&context, &mut Setter(set));
}

/// Makes `span` a child of the caller's span, as the headers that `header` looks up tell (`traceparent`,
/// `tracestate`). Call it before the span is first entered; answers whether it was of use.
///
/// Trust the headers of strangers only if you want them to decide what is sampled.
pub fn continue_trace<'a>(span: &Span, header: impl Fn(&str) -> Option<&'a str>) -> bool {
    let context = TraceContextPropagator::new().extract(&Looker(header, PhantomData));
    context.span().span_context().is_valid() && span.set_parent(context).is_ok()
}

struct Setter<F>(F);

impl<F: FnMut(&str, String)> Injector for Setter<F> {
    fn set(&mut self, key: &str, value: String) {
        if !value.is_empty() {
            self.0(key, value);
        }
    }
}

/// The lifetime says that the headers outlive it.
struct Looker<'a, F>(F, PhantomData<&'a str>);

impl<'a, F: Fn(&str) -> Option<&'a str>> Extractor for Looker<'a, F> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0(key)
    }

    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}
