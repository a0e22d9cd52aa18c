use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use seawall_core::{AttributeValue, Event, Measurement, Observer, Origin};
use seawall_sql::{Row, Sql};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::support::on_every_database;

/// Keeps what is measured of calls, and takes spans or not.
#[derive(Default)]
struct Told {
    calls: Mutex<Vec<Vec<(&'static str, String)>>>,
    refuses_spans: bool,
}

impl Observer for Told {
    fn observe(&self, _: Origin<'_>, _: &Event) {}

    fn measure(&self, measurement: &Measurement<'_>) {
        if measurement.metric == "db.client.operation.duration" {
            let shown = |(name, value): &(&'static str, AttributeValue<'_>)| match value {
                AttributeValue::Text(text) => (*name, (*text).to_owned()),
                AttributeValue::Number(number) => (*name, number.to_string()),
            };
            self.calls.lock().unwrap().push(measurement.attributes.iter().map(shown).collect());
        }
    }

    fn wants_span(&self) -> bool {
        !self.refuses_spans
    }
}

/// Keeps the attributes of all spans of the client.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<String>>>);

struct Attributes<'a>(&'a mut String);

impl Visit for Attributes<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl<S: tracing::Subscriber> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        if attributes.metadata().target() == "seawall_sql" {
            let mut shown = String::new();
            attributes.record(&mut Attributes(&mut shown));
            self.0.lock().unwrap().push(shown);
        }
    }

    fn on_record(&self, _: &span::Id, record: &span::Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock().unwrap();
        record.record(&mut Attributes(spans.last_mut().unwrap()));
    }
}

async fn told_of(url: &str, refuses_spans: bool) -> (Arc<Told>, Vec<String>) {
    let told = Arc::new(Told { refuses_spans, ..Told::default() });
    let sql = Sql::connect(url, &crate::support::patient(), Arc::<Told>::clone(&told)).await.unwrap();
    let spans = Spans::default();
    let subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    sql.execute("create table t (n integer)").await.unwrap();
    sql.query("select n from t where n = :n and 'hunter2' = 'x'")
        .bind("n", 3)
        .fetch_all::<Row>()
        .await
        .unwrap();
    sql.query("select n from nowhere").fetch_all::<Row>().await.unwrap_err();
    drop(subscriber);
    let spans = spans.0.lock().unwrap().clone();
    (told, spans)
}

on_every_database! {
    async fn each_call_is_measured_and_has_a_span(url: &str) {
        let (system, kind, code) = match url.split_once(':').unwrap().0 {
            "sqlite" => ("sqlite", "internal", "1"),
            "mysql" => ("mariadb", "client", "1146"),
            _ => ("postgresql", "client", "42P01"),
        };
        let (told, spans) = told_of(url, false).await;
        let calls = told.calls.lock().unwrap();
        let attribute = |call: usize, name| {
            calls[call].iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
        };
        assert_eq!(calls.len(), 3);
        for (call, operation, error) in [(0, "create", None), (1, "select", None), (2, "select", Some(code))] {
            assert_eq!(attribute(call, "db.system.name"), Some(system));
            assert_eq!(attribute(call, "db.operation.name"), Some(operation));
            assert_eq!(attribute(call, "db.response.status_code"), error);
            assert_eq!(attribute(call, "error.type"), error);
            assert_eq!(attribute(call, "server.address").is_some(), kind == "client");
        }
        let namespace = attribute(0, "db.namespace").unwrap();
        assert!(url.contains(namespace));

        assert_eq!(spans.len(), 3);
        for shown in [
            format!("otel.name=\"select {namespace}\""),
            format!("otel.kind=\"{kind}\""),
            format!("db.system.name=\"{system}\""),
            "db.query.text=\"select n from t where n = :n and ? = ?\"".into(),
        ] {
            assert!(spans[1].contains(&shown), "{shown}: {}", spans[1]);
        }
        assert!(!spans[1].contains("ERROR"), "{}", spans[1]);
        assert!(spans[2].contains("otel.status_code=\"ERROR\"") && spans[2].contains(code), "{}", spans[2]);
        assert!(!format!("{spans:?} {calls:?}").contains("hunter2"));
    }

    async fn no_span_is_made_that_nobody_would_record(url: &str) {
        let (told, spans) = told_of(url, true).await;
        assert_eq!((told.calls.lock().unwrap().len(), spans.len()), (3, 0));
    }
}
