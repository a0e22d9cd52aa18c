use std::sync::Arc;

use seawall_core::{Error, FailureKind};
use tower::ServiceExt;

use super::callers::context;
use super::link::{Call, Link};
use super::network::Network;
use super::replica::Errand;
use crate::chance::{Purpose, Seed};
use crate::policy::{Policy, Stack, Terms};
use crate::scenario::{Scenario, Tier};

/// The calls that servers make of other tiers: each replica is a client process of its own, with a stack for each tier
/// that it calls.
///
/// What these stacks have learnt stays with a replica that goes down or starts anew.
///
/// An inner call has the terms that a client's call has, and the priority of the attempt it belongs to; how much of its
/// time that attempt has left, the server does not know.
#[derive(Debug)]
pub(super) struct InnerCalls {
    network: Arc<Network>,
    /// By tier, replica and position among the tier's calls.
    stacks: Vec<Vec<Vec<Stack>>>,
}

impl InnerCalls {
    pub(super) fn new(
        scenario: &Scenario,
        policy: &dyn Policy,
        terms: Terms,
        network: &Arc<Network>,
        seed: Seed,
    ) -> Self {
        let process = |tier: usize, replica: u32, calls: &[usize]| {
            let own = Seed(seed.part(Purpose::Client, tier as u64 + 1, u64::from(replica)));
            let stack = |(position, callee): (usize, &usize)| {
                let seed = own.part(Purpose::Client, position as u64, 0);
                policy.client(&Link::new(network, *callee), terms, seed).stack
            };
            calls.iter().enumerate().map(stack).collect()
        };
        let stacks = |(index, tier): (usize, &Tier)| {
            let calls = callees(tier, scenario);
            (0..tier.replicas.get()).map(|replica| process(index, replica, &calls)).collect()
        };
        let stacks = scenario.tiers.iter().enumerate().map(stacks).collect();
        Self { network: Arc::clone(network), stacks }
    }

    /// Makes the calls of each attempt, one after another; the first that fails is the last.
    pub(super) fn make(&self, errands: Vec<Errand>) {
        for Errand { place, serial, priority, calls } in errands {
            let stacks = &self.stacks[place.tier][place.replica];
            let calls: Vec<_> = calls.iter().map(|call| (stacks[call.position].clone(), call.id)).collect();
            let network = Arc::clone(&self.network);
            let task = tokio::spawn(context(priority).scope(async move {
                let mut result = Ok(());
                for (stack, id) in calls {
                    result = stack.oneshot(Call::new(id, priority)).await;
                    if result.is_err() {
                        break;
                    }
                }
                network.came_back(place, serial, result.map_err(|error| passed_on(&error)));
            }));
            self.network.set_out(place, serial, task);
        }
    }
}

/// What a server answers when a call of its own failed: that there is too much to do, if that is why, as with a 503.
fn passed_on(error: &Error) -> FailureKind {
    match error.kind() {
        FailureKind::Overloaded { .. } | FailureKind::Refused => {
            FailureKind::Overloaded { retry_after: None }
        }
        _ => FailureKind::Transient,
    }
}

/// The tiers that a tier calls, by their place in the scenario.
fn callees(tier: &Tier, scenario: &Scenario) -> Vec<usize> {
    let place = |name: &String| {
        let found = scenario.tiers.iter().position(|tier| &tier.name == name);
        found.expect("a valid scenario calls tiers it has")
    };
    tier.calls.iter().map(place).collect()
}
