use super::HealthConfig;

/// What the probes of one endpoint say of it, as a plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Health {
    is_well: bool,
    /// Answers in a row that say the opposite.
    against: u32,
    is_known: bool,
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Failed,
    Recovered,
}

impl Health {
    /// Of an endpoint that was not asked yet.
    pub(super) const fn new() -> Self {
        Self { is_well: true, against: 0, is_known: false }
    }

    /// Takes note of an answer. The first decides alone.
    pub(super) fn record(&mut self, good: bool, config: &HealthConfig) -> Option<Change> {
        let is_first = !std::mem::replace(&mut self.is_known, true);
        if good == self.is_well {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        let enough = if self.is_well { config.unhealthy_threshold } else { config.healthy_threshold };
        if self.against < enough.get() && !is_first {
            return None;
        }
        *self = Self { is_well: good, against: 0, is_known: true };
        Some(if good { Change::Recovered } else { Change::Failed })
    }
}
