//! What is told of each attempt, by `OpenTelemetry`'s conventions for database clients
//! ([spans](https://opentelemetry.io/docs/specs/semconv/db/database-spans/),
//! [metrics](https://opentelemetry.io/docs/specs/semconv/db/database-metrics/),
//! [Redis](https://opentelemetry.io/docs/specs/semconv/db/redis/)).
//!
//! One CLIENT span for each attempt, none around them, and a measurement of the same. Neither shows keys or values. A
//! span that nobody would record is never made, and no clock is read for an observer that measures nothing. A call that
//! its caller gives up is no error.

mod future;
mod names;
mod service;

pub(crate) use service::{Observed, Peer};
