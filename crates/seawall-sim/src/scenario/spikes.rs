use std::time::Duration;

use super::{Scenario, TriggerKind};

/// When more calls come than usual: from when, until when, and by which factor.
#[derive(Clone, Debug)]
pub(crate) struct Spikes(Vec<(Duration, Duration, f64)>);

impl Spikes {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let spikes = scenario.triggers.iter().filter_map(|trigger| match trigger.kind {
            TriggerKind::LoadSpike { factor } => Some((trigger.at, trigger.at + trigger.lasts, factor)),
            _ => None,
        });
        Self(spikes.collect())
    }

    /// The factor from that time on, and until when it is in force.
    pub(crate) fn factor(&self, now: Duration) -> (f64, Duration) {
        let (mut factor, mut end) = (1.0, Duration::MAX);
        for (from, to, of_spike) in &self.0 {
            if (*from..*to).contains(&now) {
                factor *= of_spike;
            }
            for change in [*from, *to] {
                end = if change > now { end.min(change) } else { end };
            }
        }
        (factor, end)
    }
}
