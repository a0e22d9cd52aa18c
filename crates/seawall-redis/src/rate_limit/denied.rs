use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Keys that were refused, and until when. Bounded: beyond the bound the server is asked.
pub(super) struct Denied {
    max: usize,
    until: Mutex<HashMap<String, (u32, Instant)>>,
}

impl Denied {
    pub(super) fn new(max: usize) -> Self {
        Self { max, until: Mutex::default() }
    }

    /// How long a request of this cost is still refused: one that costs less may be allowed earlier.
    pub(super) fn remaining(&self, key: &str, cost: u32, now: Instant) -> Option<Duration> {
        let mut denied = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let (refused, until) = *denied.get(key)?;
        if until <= now {
            denied.remove(key);
            return None;
        }
        (cost >= refused).then(|| until - now)
    }

    pub(super) fn note(&self, key: &str, cost: u32, until: Instant, now: Instant) {
        let mut denied = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if denied.len() >= self.max && !denied.contains_key(key) {
            denied.retain(|_, (_, until)| *until > now);
            if denied.len() >= self.max {
                return;
            }
        }
        denied.insert(key.to_owned(), (cost, until));
    }
}
