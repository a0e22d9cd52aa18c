use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seawall::telemetry::names::{LOG_TARGET, attribute};
use seawall::{AsyncIoSystem, Config};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The warnings of this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Warning>>>);

/// Fields and their values, as written.
type Warning = Vec<(String, String)>;

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target() == LOG_TARGET
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(vec![]);
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields(Warning);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name().to_owned(), format!("{value:?}")));
    }
}

/// What a system warns of while it is built.
async fn warnings_of(config: Config) -> Vec<Warning> {
    let log = Log::default();
    let listening = tracing::subscriber::set_default(log.clone());
    let io = AsyncIoSystem::builder().config(config).build().await.unwrap();
    drop(listening);
    io.shutdown(Duration::from_secs(5)).await.unwrap();
    std::mem::take(&mut log.0.lock().unwrap())
}

fn config() -> Config {
    let mut config = Config::default();
    config.database_url = "sqlite::memory:".into();
    config
}

#[tokio::test]
async fn the_defaults_of_every_client_go_together() {
    assert_eq!(warnings_of(config()).await, [[]; 0]);
}

#[tokio::test]
async fn numbers_that_work_against_each_other_are_warned_of_once_and_by_client() {
    let mut config = config();
    config.http.pipeline.deadline = Some(Duration::from_secs(15));
    config.fs.deadline = Some(Duration::from_mins(1));
    let warnings = warnings_of(config).await;
    let field = |warning: &[(String, String)], name: &str| {
        warning.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()).unwrap()
    };
    let told: Vec<_> = warnings
        .iter()
        .map(|warning| {
            (
                field(warning, attribute::PIPELINE_NAME),
                field(warning, attribute::STABILITY_RULE),
                field(warning, "message"),
            )
        })
        .collect();
    let of = |client: &str, rule: &str, message: &str| {
        (format!("{client:?}"), format!("{rule:?}"), message.to_owned())
    };
    assert_eq!(
        told,
        [
            of(
                "http",
                "attempts_outlast_deadline",
                "4 attempts of 8s and up to 350ms of waits between them take longer than the deadline of 15s: \
                 the last attempt is never made, or cut short"
            ),
            of(
                "fs",
                "window_too_short",
                "the breaker's time window of 20s is shorter than two attempts of 60s, and there is no count window \
                 beside it: attempts that hang do not open the circuit"
            ),
            of(
                "fs",
                "lease_too_short",
                "the half-open lease of 15s is not longer than an attempt of 60s and up to 0ns of waits before it: \
                 a probe that hangs is given up before it times out, and has no say"
            ),
        ]
    );
}
