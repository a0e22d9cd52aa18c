/// The cycle of a state machine that an admission belongs to.
///
/// A breaker that opens, a limit that is reset, a probe round that begins: each starts a new epoch.
/// A result that comes back with an older epoch is late and must not decide the new one.
///
/// ```
/// use seawall_core::Epoch;
///
/// let admitted_in = Epoch::default();
/// let now = admitted_in.next();
/// assert_ne!(admitted_in, now);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch after this one. Wraps after 2⁶⁴ cycles, which no process reaches.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The epoch as a number, to be kept in an atomic.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The epoch that [`number`](Self::number) gave.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}
