use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seawall_core::{CallContext, Idempotency, Priority};
use tokio::time::Instant;
use tower::ServiceExt;

use super::arrivals::Arrival;
use super::link::Call;
use super::record::{CallRecord, End, Run, Second};
use super::tier::Network;
use crate::chance::{Purpose, Seed};
use crate::policy::{Client, Policy, Terms};
use crate::scenario::Scenario;

/// The clients, and what became of their calls.
#[derive(Debug)]
pub(super) struct Callers {
    clients: Vec<Client>,
    classes: Vec<(Priority, f64)>,
    seed: Seed,
    start: Instant,
    calls: Arc<Mutex<Vec<CallRecord>>>,
    seconds: Vec<Second>,
    worked: (Duration, Duration),
    sent: u64,
}

impl Callers {
    pub(super) fn new(
        scenario: &Scenario,
        policy: &dyn Policy,
        terms: Terms,
        network: &Network,
        seed: Seed,
        start: Instant,
    ) -> Self {
        let link = network.link(0, scenario, seed, start);
        let client =
            |client: u32| policy.client(&link, terms, seed.part(Purpose::Client, 0, u64::from(client)));
        let classes = scenario.clients.priorities.iter().map(|(priority, share)| (*priority, *share));
        Self {
            clients: (0..scenario.clients.count.get()).map(client).collect(),
            classes: classes.collect(),
            seed,
            start,
            calls: Arc::default(),
            seconds: Vec::new(),
            worked: (Duration::ZERO, Duration::ZERO),
            sent: 0,
        }
    }

    /// Makes a call.
    pub(super) fn call(&mut self, arrival: Arrival) {
        let Arrival { at, client } = arrival;
        let index = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let index = calls.len();
            let priority = self.class(index as u64);
            calls.push(CallRecord {
                arrived: at,
                client,
                priority,
                took: Duration::ZERO,
                attempts: 0,
                end: End::Lost,
            });
            index
        };
        let priority = self.class(index as u64);
        let stack = self.clients[client as usize].stack.clone();
        let (calls, start) = (Arc::clone(&self.calls), self.start);
        let call = Call::new(index as u64);
        let context = CallContext::default().priority(priority).idempotency(Idempotency::Idempotent);
        tokio::spawn(context.scope(async move {
            let result = stack.oneshot(call.clone()).await;
            let took = start.elapsed().saturating_sub(at);
            let end = result.map_or_else(|error| End::Failed(error.kind()), |()| End::Answered);
            let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
            let record = &mut calls[index];
            (record.took, record.attempts, record.end) = (took, call.attempts(), end);
        }));
    }

    fn class(&self, id: u64) -> Priority {
        let total: f64 = self.classes.iter().map(|(_, share)| share).sum();
        if total <= 0.0 {
            return Priority::Normal;
        }
        let mut point = self.seed.rng(Purpose::Priority, id, 0).f64() * total;
        for (priority, share) in &self.classes {
            point -= share;
            if point < 0.0 {
                return *priority;
            }
        }
        self.classes[self.classes.len() - 1].0
    }

    /// Once a second, looks at everything.
    pub(super) fn observe(&mut self, now: Duration, network: &Network) {
        if now.is_zero() || !now.as_millis().is_multiple_of(1000) {
            return;
        }
        let readings: Vec<_> =
            self.clients.iter().filter_map(|client| client.gauges.as_ref().map(|g| g.read())).collect();
        let mean =
            |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let (worked, wasted) = network.worked();
        let sent = network.sent();
        self.seconds.push(Second {
            attempts: sent - self.sent,
            queued: network.queued(),
            waiting: readings.iter().map(|reading| reading.waiting).sum(),
            limit: mean(readings.iter().filter_map(|reading| reading.limit).collect()),
            open: readings.iter().filter(|reading| reading.open).count(),
            budget: mean(readings.iter().filter_map(|reading| reading.budget).collect()),
            worked: worked.saturating_sub(self.worked.0),
            wasted: wasted.saturating_sub(self.worked.1),
        });
        self.worked = (worked, wasted);
        self.sent = sent;
    }

    pub(super) fn finish(self, _now: Duration) -> Run {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Run { calls, seconds: self.seconds }
    }
}
