//! Time for the layers: tokio's clock, which tests can pause, read as seldom as can be.
//!
//! Reading the clock is most of what a layer costs, so the layers of a stack share their readings: one on the way in,
//! one on the way out. The rule, for whoever writes a layer:
//!
//! - **On the way in**, in `call`, open a [`WayIn`] first of all and keep it until the inner `call` has returned. While
//!   one is open on this thread, every [`now`] is the same instant, read when the first of them asks. The outermost
//!   `WayIn` forgets it. A layer that opens none may still ask for [`now`], before it calls its inner service.
//! - **On the way out**, in `poll`, open a [`WayOut`] before the inner future is polled, from the [`Place`] that the
//!   `WayIn` gave, and ask [`WayOut::now`] only after it was. What a layer reads there is handed up to the layers outside
//!   of it. A `WayOut` forgets what earlier polls handed up when it is opened, and the outermost one of a stack when it
//!   is closed, so nothing is handed to anybody but the layers around the same call, in the same poll.
//!
//! So a reading lives no longer than one call of `call` or of `poll`, never across an await and never from readiness to
//! `call`; time that a test advances between two calls, or between two polls, is always seen. What is shared is as old
//! as the work that foreign layers in between have done in that same pass, and no older: what they spend on the
//! processor after the answer is not counted by the layers outside of them. A layer's future that is polled
//! within a `call` (somebody blocks on it) does not share with the way in; calls that are made there, by a foreign future
//! that somebody blocks on, do, and are taken to begin when the outer one did.
//!
//! Everything is restored when a layer panics.

use std::cell::Cell;
use std::thread::LocalKey;
use std::time::{Duration, Instant};

// Each in a cell of its own, so that what most passes do not read is not copied either.
thread_local! {
    // Whether a way in is open.
    static WAY_IN: Cell<bool> = const { Cell::new(false) };
    // What the layers on the way in share, once one of them has asked.
    static SHARED: Cell<Option<Instant>> = const { Cell::new(None) };
    // What the layer below read after its inner future was polled.
    static HANDED_UP: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Tokio's clock as the standard instant that policies take; on the way in, the reading that the stack shares.
pub fn now() -> Instant {
    if WAY_IN.get() { shared(&SHARED) } else { read() }
}

fn shared(reading: &'static LocalKey<Cell<Option<Instant>>>) -> Instant {
    reading.get().unwrap_or_else(|| {
        let now = read();
        reading.set(Some(now));
        now
    })
}

fn read() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A layer's part of the way in: open it first in `call`, and keep it until the inner `call` has returned.
#[derive(Debug)]
#[must_use = "the way in ends when this is dropped"]
pub struct WayIn {
    place: Place,
}

impl WayIn {
    /// Opens it.
    pub fn open() -> Self {
        let outermost = !WAY_IN.replace(true);
        if outermost {
            SHARED.set(None);
        }
        Self { place: Place { outermost: usize::from(outermost) } }
    }

    /// Where the layer stands; its future needs it for the way out.
    pub const fn place(&self) -> Place {
        self.place
    }
}

impl Drop for WayIn {
    fn drop(&mut self) {
        if self.place.outermost != 0 {
            WAY_IN.set(false);
        }
    }
}

/// Whether a layer is the outermost of those that share readings about a call.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    // A word of 0 or 1: futures are moved by the word, and a narrow store just before that would stall it.
    outermost: usize,
}

impl Place {
    /// Opens the way out: before the inner future is polled.
    pub fn way_out(self) -> WayOut {
        HANDED_UP.set(None);
        WayOut { outermost: self.outermost != 0, within: WAY_IN.replace(false) }
    }
}

/// A layer's part of the way out: open it before the inner future is polled, ask it for the time afterwards.
#[derive(Debug)]
#[must_use = "the way out ends when this is dropped"]
pub struct WayOut {
    outermost: bool,
    // Whether somebody is polling within a way in.
    within: bool,
}

impl WayOut {
    /// The time after the inner future was polled: what the layer below read, or else a new reading for those above.
    pub fn now(&self) -> Instant {
        shared(&HANDED_UP)
    }
}

impl Drop for WayOut {
    fn drop(&mut self) {
        if self.outermost {
            HANDED_UP.set(None);
        }
        if self.within {
            WAY_IN.set(true);
        }
    }
}

/// Measures a future from its first pending poll on. One that is ready at its first poll took no time worth reading
/// a clock for.
#[derive(Debug)]
pub(crate) struct Stopwatch(Option<Instant>);

impl Stopwatch {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Of a call that began then, elsewhere.
    pub(crate) const fn since(began: Instant) -> Self {
        Self(Some(began))
    }

    /// Call when the future is pending.
    pub(crate) fn pending(&mut self) {
        self.0.get_or_insert_with(now);
    }

    /// The same on the way out, by the reading that the stack shares.
    pub(crate) fn pending_on(&mut self, way_out: &WayOut) {
        self.0.get_or_insert_with(|| way_out.now());
    }

    /// The time from then until now, asking for it only if it has to.
    pub(crate) fn read(&self) -> Duration {
        self.read_by(now)
    }

    /// The same with a clock of one's own, such as [`WayOut::now`].
    pub(crate) fn read_by(&self, now: impl FnOnce() -> Instant) -> Duration {
        self.0.map_or(Duration::ZERO, |began| now().saturating_duration_since(began))
    }
}
