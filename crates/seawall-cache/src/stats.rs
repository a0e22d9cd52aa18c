use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a [`Cache`](crate::Cache) has done since it was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct CacheStats {
    /// Look-ups answered with a fresh entry.
    pub hits: u64,
    /// Look-ups answered with an entry past its time to live, while it was renewed.
    pub stale_hits: u64,
    /// Look-ups that found nothing to serve.
    pub misses: u64,
    /// Loads begun.
    pub loads: u64,
    /// Loads that ended in an error, a panic or the load time-out.
    pub load_failures: u64,
    /// Entries pushed out to make room.
    pub evictions: u64,
    /// Values not kept because one alone was too large.
    pub rejected: u64,
    /// Entries held now, expired ones that nobody asked for again included.
    pub entries: u64,
    /// What they weigh, in bytes.
    pub weight: u64,
}

/// The running counts; relaxed, because each is read alone.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) stale_hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) loads: Counter,
    pub(crate) load_failures: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
