use std::collections::BTreeMap;

use seawall_tower::TargetStatus;
use serde::Serialize;

use crate::AsyncIoSystem;

/// What the system has done and where it stands, at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct SystemStats {
    /// Calls by client and target: counts by outcome, p50/p95/p99, retries, circuits.
    #[cfg(feature = "telemetry")]
    pub calls: seawall_telemetry::StatsSnapshot,
    /// The database's pools; nothing for a client over a service of your own.
    #[cfg(feature = "sql")]
    pub sql: Option<seawall_sql::SqlStats>,
    /// The connections to Redis; nothing without one, and for a client over a service of your own.
    #[cfg(feature = "redis")]
    pub redis: Option<seawall_redis::RedisStats>,
    /// The cache.
    #[cfg(feature = "cache")]
    pub cache: seawall_cache::CacheStats,
    /// Where each client's targets stand, by client: circuit, retry budget, limit, calls under way and waiting. A client
    /// over a stack of your own has none.
    pub targets: BTreeMap<&'static str, Vec<TargetStatus>>,
    /// Calls under way through any client, HTTP responses whose body is still being read included.
    pub in_flight: usize,
}

impl AsyncIoSystem {
    /// Statistics since the system was built. Cheap enough to ask every second.
    pub fn stats(&self) -> SystemStats {
        SystemStats {
            #[cfg(feature = "telemetry")]
            calls: self.parts.telemetry.stats(),
            #[cfg(feature = "sql")]
            sql: self.parts.sql.stats(),
            #[cfg(feature = "redis")]
            redis: self.redis().and_then(seawall_redis::Redis::stats),
            #[cfg(feature = "cache")]
            cache: self.parts.cache.stats(),
            targets: self.targets().collect(),
            in_flight: self.parts.gate.inside(),
        }
    }
}
