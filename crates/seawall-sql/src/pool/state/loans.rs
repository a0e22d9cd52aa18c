use std::panic::Location;
use std::time::Duration;

use tokio::time::Instant;

/// Who has which session. A loan is known by its number, which the next one gets after its end.
#[derive(Default)]
pub(super) struct Loans {
    loans: Vec<Option<Loan>>,
    free: Vec<usize>,
}

/// A session in somebody's hands.
struct Loan {
    since: Instant,
    place: &'static Location<'static>,
    /// That it takes long was told.
    told: bool,
}

impl Loans {
    pub(super) fn begin(&mut self, place: &'static Location<'static>, now: Instant) -> usize {
        let loan = Some(Loan { since: now, place, told: false });
        if let Some(free) = self.free.pop() {
            self.loans[free] = loan;
            return free;
        }
        self.loans.push(loan);
        self.loans.len() - 1
    }

    /// Ends one, and says how long it took.
    pub(super) fn end(&mut self, loan: usize, now: Instant) -> Option<Duration> {
        self.free.push(loan);
        let loan = self.loans[loan].take()?;
        Some(now.saturating_duration_since(loan.since))
    }

    /// How long those have taken that nobody was told of yet, and take that long or longer.
    pub(super) fn untold(
        &mut self,
        threshold: Duration,
        now: Instant,
    ) -> Vec<(Duration, &'static Location<'static>)> {
        let mut untold = Vec::new();
        for loan in self.loans.iter_mut().flatten() {
            let held = now.saturating_duration_since(loan.since);
            if held >= threshold && !std::mem::replace(&mut loan.told, true) {
                untold.push((held, loan.place));
            }
        }
        untold
    }

    /// How long the longest has taken so far, and who has it.
    pub(super) fn longest(&self, now: Instant) -> Option<(Duration, &'static Location<'static>)> {
        let longest = self.loans.iter().flatten().min_by_key(|loan| loan.since)?;
        Some((now.saturating_duration_since(longest.since), longest.place))
    }
}
