use std::time::Duration;

use super::tier::Network;
use crate::scenario::{Scenario, Trigger, TriggerKind};

/// What goes wrong when: begins and ends the triggers as their times come.
#[derive(Debug)]
pub(super) struct Timeline {
    waiting: Vec<(Trigger, usize)>,
    active: Vec<(Trigger, usize)>,
}

impl Timeline {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let tier = |trigger: &Trigger| {
            let named = trigger.tier.as_ref();
            named.and_then(|name| scenario.tiers.iter().position(|tier| &tier.name == name)).unwrap_or(0)
        };
        let waiting = scenario.triggers.iter().map(|trigger| (trigger.clone(), tier(trigger))).collect();
        Self { waiting, active: Vec::new() }
    }

    /// Begins and ends what is due.
    pub(super) fn turn(&mut self, now: Duration, network: &Network) {
        let over = self.active.extract_if(.., |(trigger, _)| trigger.at + trigger.lasts <= now);
        let ended: Vec<_> = over.collect();
        let begun: Vec<_> = self.waiting.extract_if(.., |(trigger, _)| trigger.at <= now).collect();
        if ended.is_empty() && begun.is_empty() {
            return;
        }
        self.active.extend(begun);
        network.suffer(&self.active, now);
    }

    /// By what factor more calls come.
    pub(super) fn load_factor(&self) -> f64 {
        let factor = |trigger: &Trigger| match trigger.kind {
            TriggerKind::LoadSpike { factor } => factor,
            _ => 1.0,
        };
        self.active.iter().map(|(trigger, _)| factor(trigger)).product()
    }
}
