use std::num::NonZeroU64;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
// Never zero, so that an `Option` of it is one word too.
pub struct Epoch(NonZeroU64);

impl Epoch {
    /// The epoch after this one. Begins anew after 2⁶⁴ cycles, which no process reaches.
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(number) => Self(number),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// The epoch as a number, to be kept in an atomic.
    #[inline]
    pub const fn number(self) -> u64 {
        self.0.get() - 1
    }

    /// The epoch that [`number`](Self::number) gave.
    #[inline]
    pub const fn from_number(number: u64) -> Self {
        match NonZeroU64::new(number.wrapping_add(1)) {
            Some(number) => Self(number),
            None => Self(NonZeroU64::MAX),
        }
    }
}

impl Default for Epoch {
    fn default() -> Self {
        Self::from_number(0)
    }
}
