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

impl Places {
    pub(super) const fn has_room(self) -> bool {
        self.in_flight < self.limit
    }

    /// One more call, if it need not ask.
    pub(super) const fn entered(self) -> Option<Self> {
        if self.guarded || !self.has_room() {
            return None;
        }
        Some(Self { in_flight: self.in_flight + 1, ..self })
    }

    /// One call less, if it need not ask.
    pub(super) const fn left(self, answered: bool) -> Option<Self> {
        if self.guarded || self.in_flight == 0 || self.answered == MOST_ANSWERED {
            return None;
        }
        let answered = self.answered + answered as u32;
        Some(Self { in_flight: self.in_flight - 1, answered, ..self })
    }

    pub(super) const fn pack(self) -> u64 {
        self.in_flight as u64
            | (self.limit as u64) << 20
            | (self.answered as u64) << 40
            | (self.guarded as u64) << 63
    }

    pub(super) const fn unpack(word: u64) -> Self {
        Self {
            in_flight: word as u32 & MOST_PLACES,
            limit: (word >> 20) as u32 & MOST_PLACES,
            answered: (word >> 40) as u32 & MOST_ANSWERED,
            guarded: word >> 63 == 1,
        }
    }
}
