use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::PoolStats;
use crate::pool::Pool;

/// What the lag of a replica is that cannot be used.
const OUT: u64 = u64::MAX;

/// A server that follows, and what is known of it. What is known is a hint: each part may be from another moment.
pub(crate) struct Replica {
    pub(super) name: String,
    pub(super) pool: Pool,
    /// In microseconds.
    lag: AtomicU64,
    /// How far it has come in the log.
    position: AtomicU64,
    in_flight: AtomicUsize,
    /// How long a call takes of late, in nanoseconds.
    latency: AtomicU64,
}

/// How a replica stands: what [`Sql::replicas`](crate::Sql::replicas) lists.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ReplicaStats {
    /// Which one: host, port and database.
    pub name: String,
    /// How far behind it was when it was last asked; nothing if it did not say, or if a call to it failed since.
    pub lag: Option<Duration>,
    /// Whether reads are sent to it.
    pub in_use: bool,
    /// Its pool.
    pub pool: PoolStats,
}

impl Replica {
    pub(super) fn new(name: String, pool: Pool) -> Self {
        Self {
            name,
            pool,
            lag: AtomicU64::new(OUT),
            position: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            latency: AtomicU64::new(0),
        }
    }

    pub(super) fn found(&self, lag: Duration, position: u64) {
        self.position.store(position, Ordering::Relaxed);
        let lag = u64::try_from(lag.as_micros()).unwrap_or(OUT).min(OUT - 1);
        self.lag.store(lag, Ordering::Relaxed);
    }

    /// Not to be used until it is heard of again.
    pub(super) fn leave_out(&self) {
        self.lag.store(OUT, Ordering::Relaxed);
    }

    pub(super) fn lag(&self) -> Option<Duration> {
        match self.lag.load(Ordering::Relaxed) {
            OUT => None,
            lag => Some(Duration::from_micros(lag)),
        }
    }

    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// What one more call would find here: those before it, each as long as calls take of late.
    pub(super) fn cost(&self) -> u64 {
        let waiting = self.in_flight.load(Ordering::Relaxed) as u64 + 1;
        waiting.saturating_mul(self.latency.load(Ordering::Relaxed).max(1000))
    }

    pub(super) fn stats(&self, max_lag: Duration) -> ReplicaStats {
        let lag = self.lag();
        let in_use = lag.is_some_and(|lag| lag <= max_lag);
        ReplicaStats { name: self.name.clone(), lag, in_use, pool: self.pool.stats() }
    }
}

/// A call under way at a replica.
pub(crate) struct InFlight {
    replica: Arc<Replica>,
    began: Instant,
}

impl InFlight {
    pub(super) fn new(replica: Arc<Replica>) -> Self {
        replica.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { replica, began: Instant::now() }
    }

    /// It could not be reached, or broke off: nobody else shall wait for it.
    pub(crate) fn failed(self) {
        self.replica.leave_out();
    }

    /// It answered: how long that took counts, an eighth of what is known.
    pub(crate) fn answered(self) {
        let took = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let known = self.replica.latency.load(Ordering::Relaxed);
        let latency = if known == 0 { took } else { known - known / 8 + took / 8 };
        self.replica.latency.store(latency, Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.replica.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
