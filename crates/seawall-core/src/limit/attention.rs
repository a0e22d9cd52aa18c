use super::{Limit, LimitAlgorithm};

/// What of a call's end a [`Limit`] looks at, for a layer that would rather not ask it about every call.
///
/// It holds until the limit is told anything else. An answered call of fewer than `grows_from` only counts: many of
/// them may be [counted](Limit::count) together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Whether it looks at anything at all: at how calls ended, and at how long they took unless they were ready at once.
    pub learns: bool,
    /// How many calls must have been under way, itself included, for an answered one to do more than count.
    pub grows_from: u32,
}

impl Limit {
    /// What of a call's end the limit looks at, as it is now.
    pub fn attention(&self) -> Attention {
        let algorithm = self.config.algorithm;
        let by_latency = matches!(algorithm, LimitAlgorithm::Vegas | LimitAlgorithm::Gradient);
        let grows_from = if by_latency {
            0
        } else if self.calls >= f64::from(self.config.max.get()) {
            u32::MAX
        } else {
            (self.calls / 2.0).ceil() as u32
        };
        Attention { learns: algorithm != LimitAlgorithm::Fixed, grows_from }
    }

    /// Takes note of answered calls that do no more than count, and of the most that were under way for one of them.
    pub fn count(&mut self, answered: u32, peak: u32) {
        self.round.answered += u64::from(answered);
        if answered > 0 {
            self.flight.interrupted();
        }
        self.round.peak = self.round.peak.max(peak);
    }
}
