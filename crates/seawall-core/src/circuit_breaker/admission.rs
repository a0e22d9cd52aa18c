use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use crate::{Epoch, Event};

/// Leave to make one call, tagged with the cycle of the circuit it belongs to.
///
/// Hand it back with [`CircuitBreaker::exit`](super::CircuitBreaker::exit), also when the call is dropped.
#[derive(Debug)]
#[must_use = "an admission must be handed back with `exit`, or a probe's place is lost until its lease ends"]
pub struct Admission {
    // `None` for a call that is let through without being counted.
    pub(super) epoch: Option<Epoch>,
    pub(super) probe: Option<NonZeroU64>,
    pub(super) began: Option<Instant>,
    pub(super) half_opened: bool,
}

impl Admission {
    /// Leave to make a call in an epoch in which every call may pass:
    /// [`CircuitBreaker::flowing`](super::CircuitBreaker::flowing).
    ///
    /// With it, callers of a closed circuit need not ask the breaker at all. The call takes no time until
    /// [`began`](Self::began) says when it started.
    pub const fn flowing(epoch: Epoch) -> Self {
        Self { epoch: Some(epoch), probe: None, began: None, half_opened: false }
    }

    /// Says when the call started, over what was said before. Slowness is counted from here.
    pub fn began(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// When the call started, if anybody said.
    pub const fn began_at(&self) -> Option<Instant> {
        self.began
    }

    /// Whether the call probes a half-open circuit.
    pub const fn is_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// [`Event::HalfOpened`] if this call is the one that made the open circuit half-open.
    pub const fn transition(&self) -> Option<Event> {
        if self.half_opened { Some(Event::HalfOpened) } else { None }
    }

    /// The epoch that it counts in; `None` if it counts in none.
    pub const fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    pub(super) const fn uncounted() -> Self {
        Self { epoch: None, probe: None, began: None, half_opened: false }
    }
}

/// A policy's no: why, and when it is worth asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why, in a few words.
    pub reason: &'static str,
    /// How long until the answer may change; `None` when time alone will not change it.
    pub retry_after: Option<Duration>,
}

impl Refused {
    /// What an operator's closed door says.
    pub const FORCED_OPEN: Self = Self { reason: "circuit is forced open", retry_after: None };

    /// What a circuit says that is open for `left` longer.
    pub const fn open(left: Duration) -> Self {
        Self { reason: "circuit is open", retry_after: Some(left) }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for Refused {}
