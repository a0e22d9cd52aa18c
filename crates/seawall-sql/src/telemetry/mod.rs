//! What is told of each call, by `OpenTelemetry`'s conventions for database clients
//! ([spans](https://opentelemetry.io/docs/specs/semconv/db/database-spans/),
//! [metrics](https://opentelemetry.io/docs/specs/semconv/db/database-metrics/)), and which calls were slow.
//!
//! One CLIENT span for each call, all its attempts and waits included, and a measurement of the same; a stream's ends when
//! its first rows are here. A statement is shown as it was written, with a question mark in place of every value that was
//! written into it; bound values are never shown. A span that nobody would record is never made, and no clock is read
//! for an observer that measures nothing where slow queries are not looked for. A call that its caller gives up is no
//! error.

mod names;
mod peer;
mod record;
mod slow;

pub(crate) use peer::Peer;
pub(crate) use record::Record;
pub use slow::{SlowQueriesConfig, SlowQuery};
