//! What is told of each attempt, by `OpenTelemetry`'s stable conventions for HTTP clients
//! ([spans](https://opentelemetry.io/docs/specs/semconv/http/http-spans/),
//! [metrics](https://opentelemetry.io/docs/specs/semconv/http/http-metrics/)).
//!
//! One CLIENT span for each attempt, none around them, and a measurement of the same. Neither has a path or a query
//! among its dimensions; the span's `url.full` has the path, and of the query only the names. A span that nobody would
//! record is never made. A call that its caller gives up is no error.

mod future;
mod names;
mod service;
mod span;
#[cfg(test)]
mod tests;

pub(crate) use service::{Observed, Peer};
