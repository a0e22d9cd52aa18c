use std::sync::{Arc, Weak};

use super::{Pool, Shared};

/// How a pool stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct PoolStats {
    /// Connections at most, those beyond the pool's size included.
    pub max: usize,
    /// Connections open or being opened.
    pub size: usize,
    /// Connections that wait for a caller.
    pub idle: usize,
    /// Connections at work.
    pub in_use: usize,
    /// Connections being opened.
    pub opening: usize,
    /// Callers that wait for a connection.
    pub waiting: usize,
    /// Connections opened so far.
    pub opened: u64,
    /// Connections destroyed so far because they were left in the middle of something, broke, rested or grew old.
    pub destroyed: u64,
    /// Callers so far that got no connection in time.
    pub timeouts: u64,
    /// Connections so far that were in use for longer than anybody should need one.
    pub leaks: u64,
}

/// How a client's pools stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SqlStats {
    /// The pool that writes; the only one but on SQLite.
    pub writer: PoolStats,
    /// The pool that only reads, on SQLite.
    pub readers: Option<PoolStats>,
}

/// Asks how a pool stands, without keeping it: for whoever measures from time to time.
#[derive(Clone)]
pub struct PoolMonitor {
    name: String,
    shared: Weak<Shared>,
}

impl PoolMonitor {
    pub(crate) fn new(pool: &Pool) -> Self {
        Self { name: pool.0.meter.name().to_owned(), shared: Arc::downgrade(&pool.0) }
    }

    /// What the pool is called in telemetry; holds no secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it stands; nothing once its client and all clones are gone.
    pub fn stats(&self) -> Option<PoolStats> {
        self.shared.upgrade().map(|shared| shared.state().stats())
    }
}

impl std::fmt::Debug for PoolMonitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolMonitor")
            .field("name", &self.name)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
