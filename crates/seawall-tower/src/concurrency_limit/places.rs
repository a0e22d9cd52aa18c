/// What a gate keeps in one word, so that a call enters and leaves by one atomic step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// How many calls are under way.
    pub(super) in_flight: u32,
    /// How many may be.
    pub(super) limit: u32,
    /// How many calls were answered that the limit has not been told of yet.
    pub(super) answered: u32,
    /// Whether everybody must ask under the lock: somebody waits, or calls are spaced out.
    pub(super) guarded: bool,
}

/// The most that `in_flight` and `limit` can say.
pub(super) const MOST_PLACES: u32 = (1 << 20) - 1;
const MOST_ANSWERED: u32 = (1 << 23) - 1;

const ONE_IN_FLIGHT: u64 = 1;
const ONE_ANSWERED: u64 = 1 << 40;
const GUARDED: u64 = 1 << 63;

impl Places {
    pub(super) const fn has_room(self) -> bool {
        self.in_flight < self.limit
    }

    pub(super) const fn pack(self) -> u64 {
        let guarded = if self.guarded { GUARDED } else { 0 };
        self.in_flight as u64 | (self.limit as u64) << 20 | (self.answered as u64) << 40 | guarded
    }

    #[inline]
    pub(super) const fn unpack(word: u64) -> Self {
        Self {
            in_flight: word as u32 & MOST_PLACES,
            limit: (word >> 20) as u32 & MOST_PLACES,
            answered: (word >> 40) as u32 & MOST_ANSWERED,
            guarded: word & GUARDED != 0,
        }
    }
}

/// The word with one more call, if it need not ask.
#[inline]
pub(super) const fn entered(word: u64) -> Option<u64> {
    let Places { in_flight, limit, guarded, .. } = Places::unpack(word);
    if guarded || in_flight >= limit { None } else { Some(word + ONE_IN_FLIGHT) }
}

/// The word with one call less, if it need not ask.
#[inline]
pub(super) const fn left(word: u64, answered: bool) -> Option<u64> {
    let Places { in_flight, answered: so_far, guarded, .. } = Places::unpack(word);
    if guarded || in_flight == 0 || so_far == MOST_ANSWERED {
        return None;
    }
    Some(word - ONE_IN_FLIGHT + if answered { ONE_ANSWERED } else { 0 })
}

/// The word, marked: from here on nobody enters or leaves without the lock.
pub(super) const fn guarded(word: u64) -> u64 {
    word | GUARDED
}
