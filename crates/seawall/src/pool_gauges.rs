//! How the pools stand, as gauges by the names that OpenTelemetry has for connection pools.
//! <https://opentelemetry.io/docs/specs/semconv/database/database-metrics/#connection-pools>

use seawall_sql::{PoolStats, Sql};
use seawall_telemetry::Telemetry;

const POOL_NAME: &str = "db.client.connection.pool.name";
const STATE: &str = "db.client.connection.state";

/// Exports how each pool of a client stands, for as long as there is one.
pub(crate) fn export(telemetry: &Telemetry, sql: &Sql) {
    for pool in sql.pools() {
        let gauge = |metric, unit, words, state: Option<&str>, read: fn(PoolStats) -> usize| {
            let mut attributes = vec![(POOL_NAME, pool.name().to_owned())];
            attributes.extend(state.map(|state| (STATE, state.to_owned())));
            let pool = pool.clone();
            telemetry.gauge(metric, unit, words, &attributes, move || {
                pool.stats().map_or(0.0, |stats| read(stats) as f64)
            });
        };
        let (count, connections) = ("db.client.connection.count", "{connection}");
        gauge(count, connections, "Connections that are open", Some("idle"), |stats| stats.idle);
        gauge(count, connections, "Connections that are open", Some("used"), |stats| stats.in_use);
        gauge("db.client.connection.max", connections, "Connections at most", None, |stats| stats.max);
        gauge(
            "db.client.connection.pending_requests",
            "{request}",
            "Callers that wait for a connection",
            None,
            |stats| stats.waiting,
        );
        let (name, monitor) = (pool.name().to_owned(), pool.clone());
        telemetry.counter(
            "db.client.connection.timeouts",
            "{timeout}",
            "Callers that got no connection in time",
            &[(POOL_NAME, name)],
            move || monitor.stats().map_or(0, |stats| stats.timeouts),
        );
    }
}
