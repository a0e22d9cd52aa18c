//! The names that the conventions give to what is said of a call. The table of Seawall's own names is
//! `seawall_telemetry::names`, which lists the metric too.

/// Histogram of calls, in seconds.
pub(super) const DURATION: &str = "db.client.operation.duration";

pub(super) const SYSTEM: &str = "db.system.name";
pub(super) const OPERATION: &str = "db.operation.name";
pub(super) const NAMESPACE: &str = "db.namespace";
pub(super) const TEXT: &str = "db.query.text";
pub(super) const STATUS: &str = "db.response.status_code";
pub(super) const SERVER_ADDRESS: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const ERROR: &str = "error.type";
