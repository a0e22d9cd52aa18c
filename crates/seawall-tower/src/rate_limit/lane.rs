use seawall_core::Gcra;

use super::atomic::{AtomicU64, Ordering};

/// The fast lane: the state of a limiter at which nobody waits, where calls pass with one atomic operation.
///
/// Everything else happens behind the limiter's lock, with the lane closed: closing takes the state out of the atomic,
/// opening puts it back. While calls wait in line it stays closed, so that nobody overtakes them.
#[derive(Debug)]
pub(super) struct Lane {
    // The theoretical arrival time, or `CLOSED`.
    arrival: Alone,
    // The arithmetic, which changes only while the lane is closed.
    interval: AtomicU64,
    capacity: AtomicU64,
}

const CLOSED: u64 = Gcra::NEVER;

/// On a cache line of its own: every call writes it, and beside it lies what every call only reads.
#[derive(Debug)]
#[repr(align(64))]
struct Alone(AtomicU64);

impl Lane {
    pub(super) fn closed() -> Self {
        Self {
            arrival: Alone(AtomicU64::new(CLOSED)),
            interval: AtomicU64::new(0),
            capacity: AtomicU64::new(0),
        }
    }

    /// Takes permits if the lane is open and they are there.
    pub(super) fn pass(&self, permits: u64, now: u64) -> bool {
        // Acquire, here and where the exchange fails: whoever sees the state sees the arithmetic it was opened with, or
        // a later one, and then the exchange fails because the state has changed too. Should both a change of the limit
        // and calls since have led to the very same state, one call is decided by either arithmetic; no more.
        let mut arrival = self.arrival.0.load(Ordering::Acquire);
        while arrival != CLOSED {
            let interval = self.interval.load(Ordering::Relaxed);
            let gcra = Gcra::from_parts(interval, self.capacity.load(Ordering::Relaxed));
            let Ok(next) = gcra.admit(arrival, permits, now) else {
                return false;
            };
            let exchanged =
                self.arrival.0.compare_exchange_weak(arrival, next, Ordering::AcqRel, Ordering::Acquire);
            match exchanged {
                Ok(_) => return true,
                Err(seen) => arrival = seen,
            }
        }
        false
    }

    /// Closes the lane and takes its state, if it was open. Only with the lock held.
    pub(super) fn close(&self) -> Option<u64> {
        let arrival = self.arrival.0.swap(CLOSED, Ordering::AcqRel);
        (arrival != CLOSED).then_some(arrival)
    }

    /// Opens the lane with this state. Only with the lock held, and after it was closed.
    pub(super) fn open(&self, gcra: Gcra, arrival: u64) {
        self.interval.store(gcra.interval(), Ordering::Relaxed);
        self.capacity.store(gcra.capacity(), Ordering::Relaxed);
        self.arrival.0.store(arrival, Ordering::Release);
    }
}
