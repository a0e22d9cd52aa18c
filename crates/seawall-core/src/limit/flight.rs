use std::time::{Duration, Instant};

use crate::Epoch;

/// Fewer calls than this may all time out by chance.
const FEWEST: f64 = 4.0;
/// So many in a row, as a share of the limit, are all that was under way.
const WHOLE: f64 = 0.5;

/// Whether all that is sent is lost: so many calls in a row timed out that it was all that was under way.
///
/// A queue at the backend that takes longer than a timeout does that. Whatever is sent before it is gone is lost too, and
/// one halving after the other, each a timeout later, only keeps it there. (TCP goes down to a single packet when a
/// whole window is lost: V. Jacobson, "Congestion Avoidance and Control", 1988.)
///
/// A call that was overtaken, by one that began later and was answered, was not lost to a queue, and does not count.
#[derive(Debug, Default)]
pub(super) struct Flight {
    lost: u32,
    /// When the first of the lost ones began.
    first_began: Option<Instant>,
    /// When the last call began that was answered.
    last_answered: Option<Instant>,
    /// Calls of epochs before this one have been judged.
    judged_from: Epoch,
}

impl Flight {
    /// Takes note of an answer.
    pub(super) fn answered(&mut self, took: Option<Duration>, now: Instant) {
        let began = now.checked_sub(took.unwrap_or_default());
        self.last_answered = self.last_answered.max(began);
        if began >= self.first_began {
            self.lost = 0;
        }
    }

    /// Takes note of answers of which it is not known how long they took.
    pub(super) const fn interrupted(&mut self) {
        self.lost = 0;
    }

    /// Takes note of a call that timed out after so long, and says whether with it all is lost.
    pub(super) fn is_lost_with(&mut self, took: Duration, epoch: Epoch, limit: f64, now: Instant) -> bool {
        let began = now.checked_sub(took);
        if epoch.number() < self.judged_from.number() || began <= self.last_answered {
            return false;
        }
        if self.lost == 0 {
            self.first_began = began;
        }
        self.lost += 1;
        f64::from(self.lost) >= (limit * WHOLE).max(FEWEST)
    }

    /// What was under way has been judged; from here on it is about calls of this epoch.
    pub(super) const fn begin(&mut self, epoch: Epoch) {
        self.lost = 0;
        self.judged_from = epoch;
    }
}
