use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use seawall_core::{CircuitBreaker, CircuitState, Epoch};

/// What a circuit does with calls, readable without its lock. It is changed only with the lock held, after the circuit
/// itself; one who reads it a moment earlier carries an old epoch and decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Only the circuit can say.
    Ask,
    /// Every call passes, and its result must be handed back.
    Flowing(Epoch),
    /// Every call passes, and one that succeeds and is not slow need not be handed back: it would change nothing.
    Unmoved(Epoch),
    /// Every call is refused until then.
    Open(Instant),
    /// Every call is refused until an operator says otherwise.
    ForcedOpen,
}

impl Gate {
    pub(super) fn of(breaker: &CircuitBreaker) -> Self {
        match (breaker.flowing(), breaker.open_until()) {
            (Some(epoch), _) if breaker.is_unmoved_by_success() => Self::Unmoved(epoch),
            (Some(epoch), _) => Self::Flowing(epoch),
            (None, Some(until)) => Self::Open(until),
            (None, None) if breaker.state() == CircuitState::ForcedOpen => Self::ForcedOpen,
            (None, None) => Self::Ask,
        }
    }

    /// Whether every call is refused, for now or for good.
    pub(super) const fn is_shut(self) -> bool {
        matches!(self, Self::Open(_) | Self::ForcedOpen)
    }

    /// The epoch in which every call passes.
    pub(crate) const fn flowing(self) -> Option<Epoch> {
        match self {
            Self::Flowing(epoch) | Self::Unmoved(epoch) => Some(epoch),
            Self::Ask | Self::Open(_) | Self::ForcedOpen => None,
        }
    }
}

/// A [`Gate`] in one atomic word: what it is in the lowest bits, and above them an epoch, or nanoseconds since the
/// circuit was made (which last for a hundred years).
#[derive(Debug)]
pub(super) struct GateWord {
    word: AtomicU64,
    made: Instant,
}

const KIND_BITS: u32 = 3;
const ASK: u64 = 0;
const FLOWING: u64 = 1;
const UNMOVED: u64 = 2;
const OPEN: u64 = 3;
const FORCED_OPEN: u64 = 4;

impl GateWord {
    pub(super) fn new(gate: Gate, made: Instant) -> Self {
        let new = Self { word: AtomicU64::new(0), made };
        new.set(gate);
        new
    }

    pub(super) fn gate(&self) -> Gate {
        let word = self.word.load(Ordering::Acquire);
        let value = word >> KIND_BITS;
        match word & ((1 << KIND_BITS) - 1) {
            FLOWING => Gate::Flowing(Epoch::from_number(value)),
            UNMOVED => Gate::Unmoved(Epoch::from_number(value)),
            // What `set` could not add up it has not written.
            OPEN => Gate::Open(self.made + Duration::from_nanos(value)),
            FORCED_OPEN => Gate::ForcedOpen,
            _ => Gate::Ask,
        }
    }

    /// Whether it is [`Gate::Unmoved`] in this epoch.
    pub(super) fn is_unmoved(&self, epoch: Epoch) -> bool {
        word(epoch.number(), UNMOVED) == Some(self.word.load(Ordering::Acquire))
    }

    /// Only with the circuit's lock held.
    pub(super) fn set(&self, gate: Gate) {
        let word = match gate {
            Gate::Ask => Some(ASK),
            Gate::Flowing(epoch) => word(epoch.number(), FLOWING),
            Gate::Unmoved(epoch) => word(epoch.number(), UNMOVED),
            Gate::Open(until) => u64::try_from(until.saturating_duration_since(self.made).as_nanos())
                .ok()
                .and_then(|nanos| word(nanos, OPEN)),
            Gate::ForcedOpen => Some(FORCED_OPEN),
        };
        let word = word.unwrap_or(ASK);
        // Most often nothing has changed, and a store would take the line from those who read it.
        if self.word.load(Ordering::Relaxed) != word {
            self.word.store(word, Ordering::Release);
        }
    }
}

fn word(value: u64, kind: u64) -> Option<u64> {
    (value >> (u64::BITS - KIND_BITS) == 0).then_some(value << KIND_BITS | kind)
}
