use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{AttributeValue, Event, Measurement, Observer, Origin};

use super::LAYER;

// <https://opentelemetry.io/docs/specs/semconv/database/database-metrics/#connection-pools>
const WAIT_TIME: &str = "db.client.connection.wait_time";
const USE_TIME: &str = "db.client.connection.use_time";
const CREATE_TIME: &str = "db.client.connection.create_time";
const POOL_NAME: &str = "db.client.connection.pool.name";

/// Tells what happens in a pool.
pub(super) struct Meter {
    name: String,
    /// What the database is called where its two pools are one.
    target: String,
    observer: Arc<dyn Observer>,
    is_measured: bool,
}

impl Meter {
    pub(super) fn new(name: &str, read_only: bool, observer: Arc<dyn Observer>) -> Self {
        // Two pools of one file are two pools.
        let target = name.to_owned();
        let name = if read_only { format!("{name} (readers)") } else { target.clone() };
        Self { name, target, is_measured: observer.wants_measurements(), observer }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How long a caller waited who got a connection.
    pub(super) fn waited(&self, waited: Duration) {
        self.measure(WAIT_TIME, waited);
    }

    /// The same of one who had to wait.
    pub(super) fn dequeued(&self, waited: Duration) {
        self.waited(waited);
        self.tell(&Event::Dequeued { waited });
    }

    /// How long a connection was lent.
    pub(super) fn used(&self, used: impl FnOnce() -> Duration) {
        if self.is_measured {
            self.measure(USE_TIME, used());
        }
    }

    /// How long opening a connection took.
    pub(super) fn opened(&self, took: Duration) {
        self.measure(CREATE_TIME, took);
    }

    pub(super) fn refused(&self, reason: &'static str) {
        self.tell(&Event::Refused { reason, retry_after: None });
    }

    /// A connection has been lent for longer than anybody should need it.
    pub(super) fn leak_suspected(&self, held: Duration, place: &'static Location<'static>) {
        self.tell(&Event::LeakSuspected { held, place });
    }

    fn measure(&self, metric: &'static str, elapsed: Duration) {
        if !self.is_measured {
            return;
        }
        let attributes = &[(POOL_NAME, AttributeValue::Text(&self.name))];
        self.observer.measure(&Measurement { metric, elapsed, attributes });
    }

    fn tell(&self, event: &Event) {
        let origin = Origin { pipeline: "sql", strategy: LAYER, target: &self.target };
        self.observer.observe(origin, event);
    }
}
