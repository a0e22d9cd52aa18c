use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::link::Link;
use super::replica::Replica;
use crate::chance::Seed;
use crate::policy::{Policy, Terms};
use crate::scenario::{Scenario, Trigger};

/// All servers.
#[derive(Clone, Debug)]
pub(super) struct Network {
    tiers: Arc<[TierState]>,
}

/// The replicas of one tier.
#[derive(Debug)]
pub(super) struct TierState {
    replicas: Vec<Mutex<Replica>>,
}

impl Network {
    pub(super) fn new(
        scenario: &Scenario,
        _policy: &dyn Policy,
        _terms: Terms,
        _seed: Seed,
        _start: Instant,
    ) -> Self {
        let state = |tier: &crate::scenario::Tier| TierState {
            replicas: (0..tier.replicas.get()).map(|_| Mutex::new(Replica::new(tier))).collect(),
        };
        Self { tiers: scenario.tiers.iter().map(state).collect() }
    }

    /// The way to a tier.
    pub(super) fn link(&self, tier: usize, scenario: &Scenario, seed: Seed, start: Instant) -> Link {
        Link::new(self.clone(), tier, scenario.tiers[tier].service_time.clone(), seed, start)
    }

    /// Lets every server catch up with the time.
    pub(super) fn turn(&self, now: Duration) {
        for tier in &*self.tiers {
            for replica in 0..tier.replicas.len() {
                tier.replica(replica).advance(now);
            }
        }
    }

    /// Puts in force what goes wrong from now on, and nothing else.
    pub(super) fn suffer(&self, active: &[(Trigger, usize)], now: Duration) {
        for (index, tier) in self.tiers.iter().enumerate() {
            for replica in 0..tier.replicas.len() {
                let befallen = |trigger: &Trigger| {
                    trigger.replicas.as_ref().is_none_or(|list| list.contains(&(replica as u32)))
                };
                let mine = active.iter().filter(|(trigger, tier)| *tier == index && befallen(trigger));
                tier.replica(replica).suffer(mine.map(|(trigger, _)| &trigger.kind), now);
            }
        }
    }

    pub(super) fn tier(&self, tier: usize) -> &TierState {
        &self.tiers[tier]
    }

    /// How many attempts wait at all servers.
    pub(super) fn queued(&self) -> usize {
        self.tiers.iter().map(TierState::queued).sum()
    }

    /// Attempts sent to all servers so far.
    pub(super) fn sent(&self) -> u64 {
        let of = |tier: &TierState| (0..tier.len()).map(|index| tier.replica(index).received).sum::<u64>();
        self.tiers.iter().map(of).sum()
    }

    /// Work done and work done for nobody, of all servers so far.
    pub(super) fn worked(&self) -> (Duration, Duration) {
        self.tiers.iter().fold((Duration::ZERO, Duration::ZERO), |(done, wasted), tier| {
            (0..tier.replicas.len()).fold((done, wasted), |(done, wasted), index| {
                let replica = tier.replica(index);
                (done + replica.worked, wasted + replica.wasted)
            })
        })
    }
}

impl TierState {
    pub(super) const fn len(&self) -> usize {
        self.replicas.len()
    }

    pub(super) fn replica(&self, index: usize) -> MutexGuard<'_, Replica> {
        self.replicas[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queued(&self) -> usize {
        (0..self.replicas.len()).map(|index| self.replica(index).queued()).sum()
    }
}
