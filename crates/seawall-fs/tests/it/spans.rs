use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use seawall_core::{Event, Observer, Origin};
use seawall_fs::{Fs, FsConfig};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, SubscriberExt};

/// What spans were made, field by field.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<String>>);

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0.lock().unwrap(), "{}={value:?};", field.name()).unwrap();
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        attributes.record(&mut self.clone());
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut self.clone());
    }
}

impl Seen {
    fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// An observer of a trace that is sampled out, or is not.
struct Sampled(AtomicBool);

impl Observer for Sampled {
    fn observe(&self, _: Origin<'_>, _: &Event) {}

    fn wants_span(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn on_request_each_operation_has_a_span_with_its_path_and_how_it_failed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let seen = Seen::default();
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(seen.clone()));
    let sampled = Arc::new(Sampled(AtomicBool::new(true)));

    let silent = Fs::new(&FsConfig::default(), Arc::<Sampled>::clone(&sampled)).unwrap();
    silent.write(&path, "content").await.unwrap();
    assert_eq!(seen.take(), "", "they are off unless asked for");

    let config = FsConfig { spans: true, ..FsConfig::default() };
    let fs = Fs::new(&config, Arc::<Sampled>::clone(&sampled)).unwrap();
    fs.read(&path, 100).await.unwrap();
    let operation =
        |name: &str| format!("otel.name=\"{name}\";otel.kind=\"internal\";file.path={};", path.display());
    assert_eq!(seen.take(), operation("read"));
    fs.remove(&path).await.unwrap();
    let error = fs.layer(tower::layer::util::Identity::new()).remove(&path).await.unwrap_err();
    let failed =
        format!("error.type=\"permanent\";otel.status_code=\"ERROR\";otel.status_description={error};");
    assert_eq!(seen.take(), format!("{0}{0}{failed}", operation("remove")));

    sampled.0.store(false, Ordering::Relaxed);
    fs.exists(&path).await.unwrap();
    assert_eq!(seen.take(), "", "a span that nobody records is not made");
}
