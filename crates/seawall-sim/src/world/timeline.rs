use std::time::Duration;

use seawall_core::FailureKind;

use super::TURN;
use super::condition::{Condition, Failing, Mishap, MishapKind};
use super::network::{Network, Place};
use crate::chance::{Purpose, Seed};
use crate::scenario::{Scenario, Trigger, TriggerKind};

/// What goes wrong when: puts the servers in another condition at the very times at which something begins, changes
/// or ends.
#[derive(Debug)]
pub(super) struct Timeline {
    placed: Vec<Placed>,
    next: Duration,
}

/// A trigger, and which tier it befalls.
#[derive(Debug)]
struct Placed {
    trigger: Trigger,
    tier: usize,
    seed: Seed,
}

impl Timeline {
    pub(super) fn new(scenario: &Scenario, seed: Seed) -> Self {
        let tier = |trigger: &Trigger| {
            let named = trigger.tier.as_ref();
            named.and_then(|name| scenario.tiers.iter().position(|tier| &tier.name == name)).unwrap_or(0)
        };
        let placed = |(index, trigger): (usize, &Trigger)| Placed {
            trigger: trigger.clone(),
            tier: tier(trigger),
            seed: Seed(seed.part(Purpose::Fate, index as u64, 0)),
        };
        let placed: Vec<_> = scenario.triggers.iter().enumerate().map(placed).collect();
        let next = placed.iter().map(|placed| placed.trigger.at).min().unwrap_or(Duration::MAX);
        Self { placed, next }
    }

    /// Does what is due.
    pub(super) fn turn(&mut self, now: Duration, network: &Network) {
        while self.next <= now {
            let at = self.next;
            self.next = self.next_change(at);
            network.suffer(at, |place| self.condition(place, at));
        }
    }

    fn condition(&self, place: Place, at: Duration) -> Condition {
        let mut condition = Condition::default();
        for placed in self.active(at).filter(|placed| placed.befalls(place)) {
            placed.worsen(&mut condition, at);
        }
        condition
    }

    fn active(&self, at: Duration) -> impl Iterator<Item = &Placed> {
        self.placed.iter().filter(move |placed| placed.trigger.at <= at && at < placed.trigger.end())
    }

    fn next_change(&self, after: Duration) -> Duration {
        let changes = self.placed.iter().filter_map(|placed| placed.trigger.next_change(after));
        changes.min().unwrap_or(Duration::MAX)
    }
}

impl Placed {
    fn befalls(&self, place: Place) -> bool {
        let listed = |list: &Vec<u32>| list.iter().any(|&replica| replica as usize == place.replica);
        self.tier == place.tier && self.trigger.replicas.as_ref().is_none_or(listed)
    }

    /// Adds what is wrong on its account.
    fn worsen(&self, condition: &mut Condition, at: Duration) {
        let mishap = |share, kind| Mishap { share, seed: self.seed, kind };
        let since = at.saturating_sub(self.trigger.at);
        match self.trigger.kind {
            TriggerKind::CapacityCut { to } => condition.capacity *= to,
            // That is of the arrivals.
            TriggerKind::LoadSpike { .. } => {}
            TriggerKind::PartialFailure { share, after, takes_worker, overloaded } => {
                let kind = if overloaded {
                    FailureKind::Overloaded { retry_after: None }
                } else {
                    FailureKind::Transient
                };
                let failing = Failing { after, kind };
                let kind = if takes_worker {
                    MishapKind::FailsAtWork(failing)
                } else {
                    MishapKind::FailsBefore(failing)
                };
                condition.mishaps.push(mishap(share, kind));
            }
            TriggerKind::Brownout { slower } => condition.speed /= slower,
            TriggerKind::BlackHole { share } => condition.mishaps.push(mishap(share, MishapKind::Swallowed)),
            TriggerKind::CacheFlush => condition.forgets |= since.is_zero(),
            TriggerKind::ColdStart { slower } => {
                let left = 1.0 - since.as_secs_f64() / self.trigger.lasts.as_secs_f64();
                condition.speed /= 1.0 + (slower - 1.0) * left;
                condition.restarts |= since.is_zero();
            }
            TriggerKind::Pauses { length, .. } => {
                if self.trigger.phase(at) < length {
                    condition.speed = 0.0;
                }
            }
            TriggerKind::Flapping { down, .. } => condition.down |= self.trigger.phase(at) < down,
        }
    }
}

impl Trigger {
    /// When it is over.
    fn end(&self) -> Duration {
        self.at + self.lasts
    }

    /// The first time after that one at which what it does begins, changes or ends.
    fn next_change(&self, after: Duration) -> Option<Duration> {
        if after < self.at {
            return Some(self.at);
        }
        let change = match self.period() {
            Some((first, whole)) => {
                let phase = self.phase(after);
                after.saturating_sub(phase) + if phase < first { first } else { whole }
            }
            None => self.end(),
        };
        (after < self.end()).then_some(change.min(self.end()))
    }

    /// How long the first part is of what it repeats, and how long all of it.
    fn period(&self) -> Option<(Duration, Duration)> {
        match self.kind {
            TriggerKind::Pauses { every, length } => Some((length.min(every), every)),
            TriggerKind::Flapping { down, up } => Some((down, down + up)),
            // What changes all the time changes every turn.
            TriggerKind::ColdStart { .. } => Some((TURN, TURN)),
            _ => None,
        }
    }

    /// How far it is in what it repeats.
    fn phase(&self, at: Duration) -> Duration {
        let since = at.saturating_sub(self.at);
        self.period().map_or(since, |(_, whole)| {
            Duration::from_nanos((since.as_nanos() % whole.as_nanos().max(1)) as u64)
        })
    }
}
