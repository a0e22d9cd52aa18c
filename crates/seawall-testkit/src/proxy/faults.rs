use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

/// Which way bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server: requests.
    Up,
    /// From the server to the client: answers.
    Down,
}

/// One thing that goes wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every byte arrives later, each way. At most 1 MiB is under way in each direction.
    Latency {
        /// At least this much later; a day at most.
        delay: Duration,
        /// And up to this much more, drawn anew for each piece read. The order of bytes is kept.
        jitter: Duration,
    },
    /// Bytes flow no faster than this, each way.
    Bandwidth {
        /// Bytes per second.
        bytes_per_second: NonZeroU64,
    },
    /// The connection is reset (RST) towards both sides: at once, if it already runs.
    Reset,
    /// The proxy accepts and reads, and nothing ever comes back. A new connection never reaches the server.
    BlackHole,
    /// One direction is dead and nobody is told: neither its bytes nor its end arrive.
    HalfOpen {
        /// The direction that carries nothing.
        dead: Direction,
    },
    /// The connection is closed, cleanly (FIN), towards both sides after so many bytes.
    Truncate {
        /// The direction whose bytes count, from the start of the connection.
        direction: Direction,
        /// How many of them arrive.
        after: u64,
    },
    /// The connection is reset (RST) towards both sides after so many bytes.
    ResetAfter {
        /// The direction whose bytes count, from the start of the connection.
        direction: Direction,
        /// How many of them are passed on. A reset may overtake what its receiver has not read yet.
        after: u64,
    },
}

/// The kind of a [`Fault`], for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// [`Fault::Latency`].
    Latency,
    /// [`Fault::Bandwidth`].
    Bandwidth,
    /// [`Fault::Reset`].
    Reset,
    /// [`Fault::BlackHole`].
    BlackHole,
    /// [`Fault::HalfOpen`].
    HalfOpen,
    /// [`Fault::Truncate`].
    Truncate,
    /// [`Fault::ResetAfter`].
    ResetAfter,
}

/// Which connections a fault hits.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// All of them.
    Always,
    /// Each with this probability, from 0 to 1.
    Chance(f64),
    /// Those with these numbers, counted from 0 in the order of acceptance.
    Numbered(Range<u64>),
}

/// What goes wrong at present. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    pub(super) refusing: bool,
    pub(super) entries: Vec<(Fault, Rule)>,
}

impl Faults {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// This fault on every connection.
    pub fn always(fault: Fault) -> Self {
        Self::none().with(fault, Rule::Always)
    }

    /// New connections are refused, as if nothing listened; those that are open run on.
    pub fn refuse() -> Self {
        Self { refusing: true, ..Self::default() }
    }

    /// Adds a fault. Several that hit the same connection work together: delays add up, the least bandwidth and the
    /// earliest cut win.
    pub fn with(mut self, fault: Fault, rule: Rule) -> Self {
        self.entries.push((fault, rule));
        self
    }
}

impl Fault {
    /// The kind of this fault.
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::Latency { .. } => FaultKind::Latency,
            Self::Bandwidth { .. } => FaultKind::Bandwidth,
            Self::Reset => FaultKind::Reset,
            Self::BlackHole => FaultKind::BlackHole,
            Self::HalfOpen { .. } => FaultKind::HalfOpen,
            Self::Truncate { .. } => FaultKind::Truncate,
            Self::ResetAfter { .. } => FaultKind::ResetAfter,
        }
    }
}
