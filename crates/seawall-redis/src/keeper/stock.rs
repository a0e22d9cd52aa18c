//! Handles of a connection, kept by the threads that used them last.
//!
//! To clone the driver's handle for a command, and to drop it, is to count half a dozen references that all threads count:
//! with two of them that takes longer than to put the command together. So handles are lent and come back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::aio::MultiplexedConnection;
use seawall_tower::{Sharded, Timer};

use super::{Keeper, Live};

/// A thread keeps no more of them: more are cloned when they are needed.
const MOST: usize = 512;
/// The number of no connection.
const NONE: u64 = 0;

/// The handles that nobody uses now.
pub(super) struct Stock {
    /// The connection they are of; others are not kept.
    current: AtomicU64,
    shelves: Sharded<Shelf>,
}

/// Of one thread.
#[derive(Default)]
struct Shelf(Mutex<Vec<Handle>>);

struct Handle {
    live: Arc<Live>,
    connection: MultiplexedConnection,
    timer: Timer,
}

impl Stock {
    pub(super) fn new() -> Self {
        Self { current: AtomicU64::new(NONE), shelves: Sharded::default() }
    }

    /// Keeps handles of this connection from here on, and of no other.
    pub(super) fn keep(&self, number: u64) {
        self.current.store(number, Ordering::SeqCst);
        for shelf in self.shelves.iter() {
            // Whoever puts one back now has seen the number; whoever did before is cleared away.
            let handles = std::mem::take(&mut *shelf.lock());
            drop(handles);
        }
    }

    /// Keeps none.
    pub(super) fn clear(&self) {
        self.keep(NONE);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.lock().len()).sum()
    }

    fn take(&self) -> Option<Handle> {
        if self.current.load(Ordering::Acquire) == NONE {
            return None;
        }
        self.shelf().lock().pop()
    }

    fn put_back(&self, handle: Handle) {
        let mut handles = self.shelf().lock();
        if handles.len() < MOST && handle.live.number() == self.current.load(Ordering::SeqCst) {
            handles.push(handle);
        } else {
            // It may be the last of its connection.
            drop(handles);
            drop(handle);
        }
    }

    fn shelf(&self) -> &Shelf {
        self.shelves.own()
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Vec<Handle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle of a connection, in the hands of one call. It goes back when it is dropped.
pub(crate) struct Line<'a> {
    keeper: &'a Keeper,
    // Always there until it goes back.
    handle: Option<Handle>,
}

impl<'a> Line<'a> {
    /// One that was used before.
    pub(super) fn again(keeper: &'a Keeper) -> Option<Self> {
        let handle = keeper.shared.stock.take()?;
        Some(Self { keeper, handle: Some(handle) })
    }

    pub(super) fn new(keeper: &'a Keeper, live: Arc<Live>) -> Self {
        let connection = live.opened.connection.clone();
        Self { keeper, handle: Some(Handle { live, connection, timer: Timer::default() }) }
    }

    /// The connection, what it is used by, and a timer for the call.
    pub(crate) fn parts(&mut self) -> (&Live, &mut MultiplexedConnection, &mut Timer) {
        let Handle { live, connection, timer } =
            self.handle.as_mut().expect("a handle is there until its line is dropped");
        (live, connection, timer)
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.keeper.shared.stock.put_back(handle);
        }
    }
}
