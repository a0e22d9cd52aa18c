use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What this process knows of keys. Bounded: of keys beyond the bound nothing is remembered.
#[derive(Default)]
pub(super) struct Keys(Mutex<HashMap<String, Arc<Key>>>);

/// What this process knows of one key.
#[derive(Default)]
pub(super) struct Key {
    state: Mutex<State>,
    /// Held by the call that asks the server for a block: the others wait for what it gets.
    pub(super) asking: tokio::sync::Mutex<()>,
    /// Held by the call that waits for its turn the longest: the others stand in line, and none of them asks the server.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// How many stand in line.
    pub(super) in_line: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// The cost that was refused, and until when it is.
    denied: Option<(u32, Instant)>,
    block: Option<Block>,
    /// Units to ask for the next time.
    next: u32,
}

/// Units that the server gave and that are not spent yet.
#[derive(Clone, Copy)]
struct Block {
    taken: u32,
    left: u32,
    /// Until when they may be spent.
    until: Instant,
    /// When the whole burst is there again.
    whole: Instant,
}

/// What a key has in this process for a call.
pub(super) enum Known {
    /// So many units are left of the block, and it is whole after so long: the call's were taken.
    Spent(u32, Duration),
    /// It is refused for so long.
    Denied(Duration),
    /// Nothing: ask the server.
    Nothing,
}

impl Keys {
    pub(super) fn find(&self, name: &str) -> Option<Arc<Key>> {
        self.lock().get(name).cloned()
    }

    /// The key, remembered from here on if there is room.
    pub(super) fn entry(&self, name: &str, max: usize, now: Instant) -> Arc<Key> {
        let mut keys = self.lock();
        if let Some(key) = keys.get(name) {
            return Arc::clone(key);
        }
        if keys.len() >= max {
            keys.retain(|_, key| !key.is_forgettable(now));
        }
        let key = Arc::<Key>::default();
        if keys.len() < max {
            keys.insert(name.to_owned(), Arc::clone(&key));
        }
        key
    }

    /// Forgets who was refused: another limit is in force.
    pub(super) fn forgive(&self) {
        self.lock().values().for_each(|key| key.lock().denied = None);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Key>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    /// Spends units of the block, or says why not. A call that costs less than one that was refused may be allowed
    /// earlier.
    pub(super) fn spend(&self, cost: u32, now: Instant) -> Known {
        let mut state = self.lock();
        if let Some(block) = state.block.as_mut().filter(|block| now < block.until && cost <= block.left) {
            block.left -= cost;
            return Known::Spent(block.left, block.whole.saturating_duration_since(now));
        }
        match state.denied {
            Some((_, until)) if until <= now => state.denied = None,
            Some((refused, until)) if cost >= refused => return Known::Denied(until - now),
            _ => {}
        }
        Known::Nothing
    }

    /// How many units to ask for, at most `most`: twice as many as the last time while they run out before their time,
    /// else as many as were spent. So a key that few ask for takes no units from others.
    pub(super) fn wanted(&self, cost: u32, most: u32, now: Instant) -> u32 {
        let mut state = self.lock();
        if let Some(block) = state.block.take() {
            let spent = block.taken - block.left;
            state.next = if now < block.until { block.taken.saturating_mul(2) } else { spent };
        }
        state.next.clamp(1, most.max(1)).max(cost)
    }

    /// Takes note of units that the server gave beyond those that were asked for by a call at once.
    pub(super) fn keep(&self, taken: u32, cost: u32, until: Instant, whole: Instant) {
        self.lock().block = Some(Block { taken, left: taken - cost, until, whole });
    }

    pub(super) fn denied_for(&self, now: Instant) -> Option<Duration> {
        self.lock().denied.map(|(_, until)| until.saturating_duration_since(now))
    }

    pub(super) fn deny(&self, cost: u32, until: Instant) {
        self.lock().denied = Some((cost, until));
    }

    /// Whether nothing would be lost with it.
    fn is_forgettable(self: &Arc<Self>, now: Instant) -> bool {
        let state = self.lock();
        let is_denied = state.denied.is_some_and(|(_, until)| now < until);
        let has_block = state.block.is_some_and(|block| now < block.until && block.left > 0);
        Arc::strong_count(self) == 1 && !is_denied && !has_block
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line of a key, and among all who wait.
pub(super) struct Place<'a>(&'a AtomicUsize, &'a AtomicUsize);

impl<'a> Place<'a> {
    /// `None` if as many wait as may.
    pub(super) fn take(line: &'a AtomicUsize, all: &'a AtomicUsize, max: usize) -> Option<Self> {
        line.fetch_add(1, Relaxed);
        let before = all.fetch_add(1, Relaxed);
        let place = Self(line, all);
        (before < max).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
        self.1.fetch_sub(1, Relaxed);
    }
}
