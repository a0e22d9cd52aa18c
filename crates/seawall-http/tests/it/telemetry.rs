//! What is told of each attempt: spans, measurements, and the trace in the headers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get};
use http::{HeaderMap, Method, StatusCode};
use seawall_core::{AttributeValue, Event, Measurement, Observer, Origin};
use seawall_http::{Http, HttpConfig};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::support::{RawServer, Then, closed_port, overtaken, serve, until};

const HOUR: Duration = Duration::from_hours(1);

type Fields = BTreeMap<String, String>;

/// Keeps the fields of every span of the client that has ended: those of all tests, because what is wanted of a span is
/// remembered for the whole process, and a subscriber of each test's own would change it under the others.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Fields>>>);

impl Spans {
    fn listen() -> Self {
        static SPANS: LazyLock<Spans> = LazyLock::new(|| {
            let spans = Spans::default();
            tracing::subscriber::set_global_default(Registry::default().with(spans.clone())).unwrap();
            spans
        });
        SPANS.clone()
    }

    /// Those of attempts at this server.
    fn ended(&self, url: &str) -> Vec<Fields> {
        let port = url.rsplit(':').next().unwrap();
        let all = self.0.lock().unwrap();
        all.iter().filter(|span| span["server.port"] == port).cloned().collect()
    }
}

struct Fill<'a>(&'a mut Fields);

impl Visit for Fill<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Fill(&mut fields));
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(&mut Fill(fields));
        }
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        if span.metadata().target() == "seawall_http" {
            self.0.lock().unwrap().extend(span.extensions_mut().remove::<Fields>());
        }
    }
}

/// An observer that keeps measurements, and stands for a trace.
#[derive(Default)]
struct Measured {
    all: Mutex<Vec<Fields>>,
    asked: AtomicUsize,
    wants_no_span: AtomicBool,
}

impl Measured {
    fn client(self: &Arc<Self>, config: &HttpConfig) -> Http {
        let observer = Arc::clone(self);
        Http::new(config, observer).unwrap()
    }

    fn all(&self) -> Vec<Fields> {
        self.all.lock().unwrap().clone()
    }
}

impl Observer for Measured {
    fn observe(&self, _: Origin<'_>, _: &Event) {}

    fn measure(&self, measurement: &Measurement<'_>) {
        assert_eq!(measurement.metric, "http.client.request.duration");
        let shown = |value: &AttributeValue<'_>| match value {
            AttributeValue::Text(text) => (*text).to_owned(),
            AttributeValue::Number(number) => number.to_string(),
        };
        let fields = measurement.attributes.iter().map(|(name, value)| ((*name).to_owned(), shown(value)));
        self.all.lock().unwrap().push(fields.collect());
    }

    fn wants_span(&self) -> bool {
        !self.wants_no_span.load(Ordering::Relaxed)
    }

    fn trace_headers(&self, set: &mut dyn FnMut(&str, &str)) {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        set("traceparent", &format!("trace-{number}"));
        set("not a header", "left out");
    }
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn each_attempt_is_one_span_and_one_measurement_by_the_convention() {
    let failures = Arc::new(AtomicUsize::new(1));
    let handler = async move || match failures
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
    {
        Ok(_) => StatusCode::SERVICE_UNAVAILABLE,
        Err(_) => StatusCode::OK,
    };
    let url = serve(Router::new().route("/path", any(handler))).await;
    let port = url.rsplit(':').next().unwrap();
    let (spans, measured) = (Spans::listen(), Arc::new(Measured::default()));
    let http = measured.client(&HttpConfig::default());
    let response = http.get(format!("{url}/path?token=s3cret")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);

    let shown = format!("{url}/path?token=REDACTED");
    let both = [
        ("http.request.method", "GET"),
        ("network.protocol.version", "1.1"),
        ("server.address", "127.0.0.1"),
        ("server.port", port),
    ];
    let of_span = [("otel.kind", "client"), ("otel.name", "GET"), ("url.full", shown.as_str())];
    let failed = [("http.response.status_code", "503"), ("error.type", "503")];
    let marked = [("otel.status_code", "ERROR")];
    let fine = [("http.response.status_code", "200")];
    let resent = [("http.request.resend_count", "1")];
    let expected = [
        fields(&[&both[..], &of_span, &failed, &marked].concat()),
        fields(&[&both[..], &of_span, &fine, &resent].concat()),
    ];
    assert_eq!(spans.ended(&url), expected);
    let expected = [fields(&[&both[..], &failed].concat()), fields(&[&both[..], &fine].concat())];
    assert_eq!(measured.all(), expected, "neither path nor query");
}

#[tokio::test]
async fn an_attempt_without_an_answer_is_told_by_what_kept_it_from_one() {
    let (spans, measured) = (Spans::listen(), Arc::new(Measured::default()));
    let mut config = HttpConfig::default();
    config.pipeline.retry.max_attempts = std::num::NonZeroU32::MIN;
    (config.pipeline.deadline, config.pipeline.attempt_timeout) = (None, Some(HOUR));
    let http = measured.client(&config);
    let nobody = format!("http://{}", closed_port().await);
    http.get(&nobody).send().await.unwrap_err();
    let silent = RawServer::start(&[Then::Hold("")]).await;
    let call = http.get(silent.url()).send();
    overtaken(call, until(|| silent.requests() == 1), HOUR).await.unwrap_err();

    let errors = |all: Vec<Fields>| all.iter().map(|fields| fields["error.type"].clone()).collect::<Vec<_>>();
    assert_eq!(errors(spans.ended(&nobody)), ["transient"]);
    assert_eq!(errors(spans.ended(&silent.url())), ["timeout"]);
    assert_eq!(errors(measured.all()), ["transient", "timeout"]);
    assert!(spans.ended(&nobody).iter().all(|span| span["otel.status_code"] == "ERROR"));
}

#[tokio::test]
async fn a_call_that_its_caller_gives_up_is_no_error() {
    let (spans, measured) = (Spans::listen(), Arc::new(Measured::default()));
    let silent = RawServer::start(&[Then::Hold("")]).await;
    let http = measured.client(&HttpConfig::default());
    tokio::select! {
        _answer = http.get(silent.url()).send() => panic!("the server is silent"),
        () = until(|| silent.requests() == 1) => {}
    }
    let spans = spans.ended(&silent.url());
    assert_eq!(spans.len(), 1);
    assert!(!spans[0].contains_key("error.type") && !spans[0].contains_key("otel.status_code"), "{spans:?}");
    assert_eq!(measured.all(), []);
}

#[tokio::test]
async fn no_span_is_made_where_the_trace_is_sampled_out() {
    let url = serve(Router::new().route("/", get(async || "fine"))).await;
    let (spans, measured) = (Spans::listen(), Arc::new(Measured::default()));
    measured.wants_no_span.store(true, Ordering::Relaxed);
    measured.client(&HttpConfig::default()).get(&url).send().await.unwrap();
    assert_eq!(spans.ended(&url), [] as [Fields; 0]);
    assert_eq!(measured.all().len(), 1, "it is measured all the same");
}

#[tokio::test]
async fn the_trace_travels_in_the_headers_of_each_attempt() {
    let echo = async |headers: HeaderMap| headers["traceparent"].to_str().unwrap().to_owned();
    let url = serve(Router::new().route("/", get(echo))).await;
    let http = Arc::new(Measured::default()).client(&HttpConfig::default());
    for expected in ["trace-0", "trace-1"] {
        // One of the caller's own, of another trace, is replaced.
        let request = http.get(&url).header("traceparent", "of somebody else");
        assert_eq!(request.send().await.unwrap().into_body().text(100).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_method_of_ones_own_does_not_become_a_series() {
    let url = serve(Router::new().route("/", any(async || "fine"))).await;
    let (spans, measured) = (Spans::listen(), Arc::new(Measured::default()));
    let brew = Method::from_bytes(b"BREW").unwrap();
    measured.client(&HttpConfig::default()).request(brew, &url).send().await.unwrap();
    assert_eq!(measured.all()[0]["http.request.method"], "_OTHER");
    let span = &spans.ended(&url)[0];
    assert_eq!((&*span["otel.name"], &*span["http.request.method_original"]), ("HTTP", "BREW"));
}
