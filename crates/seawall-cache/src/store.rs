use std::num::NonZeroU64;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::shelf::{Shelf, Weigh};

/// The entries and their expiry. The shelf knows nothing of time: an expired entry is found out when it is
/// asked for, or evicted like any other that nobody asks for, so there is no background work.
pub(crate) struct Store(Shelf<Entry>);

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) value: Bytes,
    pub(crate) fresh_until: Instant,
    pub(crate) stale_until: Instant,
}

pub(crate) enum Found {
    Fresh(Bytes),
    Stale(Bytes),
    Missing,
}

impl Store {
    pub(crate) fn new(capacity: NonZeroU64) -> Self {
        Self(Shelf::new(capacity))
    }

    pub(crate) const fn shelf(&self) -> &Shelf<Entry> {
        &self.0
    }

    pub(crate) fn find(&self, key: &str, now: Instant) -> Found {
        match self.0.find(key) {
            Some(entry) if now < entry.fresh_until => Found::Fresh(entry.value),
            Some(entry) if now < entry.stale_until => Found::Stale(entry.value),
            Some(_) => {
                // Asked again under the lock: another caller may have renewed it since.
                self.0.remove_if(key, |entry| entry.stale_until <= now);
                Found::Missing
            }
            None => Found::Missing,
        }
    }

    pub(crate) fn insert(&self, key: Arc<str>, entry: Entry) {
        self.0.insert(key, entry);
    }

    pub(crate) fn remove(&self, key: &str) -> Option<Entry> {
        self.0.remove(key)
    }

    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}

impl Weigh for Entry {
    fn weight(&self) -> u64 {
        self.value.len() as u64
    }
}
