use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seawall_core::{CallContext, Error, Idempotency, Priority};
use tokio::time::Instant;
use tower::ServiceExt;

use super::arrivals::Arrival;
use super::link::{Call, Link};
use super::network::Network;
use super::record::{CallRecord, End};
use crate::chance::{Purpose, Seed};
use crate::policy::{Client, Policy, Reading, Terms};
use crate::scenario::Scenario;

/// The clients, and what became of their calls.
#[derive(Debug)]
pub(super) struct Callers {
    clients: Vec<Client>,
    classes: Classes,
    seed: Seed,
    start: Instant,
    records: Records,
    calls: usize,
}

impl Callers {
    pub(super) fn new(
        scenario: &Scenario,
        policy: &dyn Policy,
        terms: Terms,
        network: &Arc<Network>,
        seed: Seed,
        start: Instant,
    ) -> Self {
        let link = Link::new(network, 0);
        let client =
            |client: u32| policy.client(&link, terms, seed.part(Purpose::Client, 0, u64::from(client)));
        Self {
            clients: (0..scenario.clients.count.get()).map(client).collect(),
            classes: Classes::new(scenario),
            seed,
            start,
            records: Records::default(),
            calls: 0,
        }
    }

    /// Makes a call.
    pub(super) fn call(&mut self, arrival: Arrival) {
        let Arrival { at, client } = arrival;
        let index = self.calls;
        self.calls += 1;
        let id = index as u64;
        let priority = self.classes.of(id, self.seed);
        self.records.lock().push(CallRecord {
            arrived: at,
            client,
            priority,
            took: Duration::ZERO,
            attempts: 0,
            end: End::Lost,
        });
        let stack = self.clients[client as usize].stack.clone();
        let call = Call::new(id, priority);
        let note = Note { records: self.records.clone(), index, call: call.clone() };
        let start = self.start;
        tokio::spawn(context(priority).scope(async move {
            let result = stack.oneshot(call).await;
            note.ended(start.elapsed().saturating_sub(at), &result);
        }));
    }

    /// What can be read off the clients now.
    pub(super) fn readings(&self) -> impl Iterator<Item = Reading> {
        self.clients.iter().filter_map(|client| client.gauges.as_ref().map(|gauges| gauges.read()))
    }

    /// Where it stands what became of every call: complete when the calls that never end are dropped, too.
    pub(super) fn into_records(self) -> Records {
        self.records
    }
}

/// What became of the calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Records(Arc<Mutex<Vec<CallRecord>>>);

impl Records {
    /// Takes them out.
    pub(super) fn take(&self) -> Vec<CallRecord> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CallRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call's place in the records. Dropped, it notes how many attempts there were, of a call that never ended, too.
#[derive(Debug)]
struct Note {
    records: Records,
    index: usize,
    call: Call,
}

impl Note {
    fn ended(self, took: Duration, result: &Result<(), Error>) {
        let record = &mut self.records.lock()[self.index];
        record.took = took;
        record.end = result.as_ref().map_or_else(|error| End::Failed(error.kind()), |()| End::Answered);
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.records.lock()[self.index].attempts = self.call.attempts();
    }
}

/// The context of a call that comes from outside: all that it needs to be repeated, and no deadline yet.
pub(super) fn context(priority: Priority) -> CallContext {
    CallContext::default().priority(priority).idempotency(Idempotency::Idempotent)
}

/// Which share of the calls each class has.
#[derive(Debug)]
struct Classes {
    shares: Vec<(Priority, f64)>,
    total: f64,
}

impl Classes {
    fn new(scenario: &Scenario) -> Self {
        let shares: Vec<_> =
            scenario.clients.priorities.iter().map(|(priority, share)| (*priority, *share)).collect();
        let total = shares.iter().map(|(_, share)| share).sum();
        Self { shares, total }
    }

    fn of(&self, id: u64, seed: Seed) -> Priority {
        let Some((last, others)) = self.shares.split_last() else { return Priority::Normal };
        let mut point = seed.rng(Purpose::Priority, id, 0).f64() * self.total;
        for (priority, share) in others {
            point -= share;
            if point < 0.0 {
                return *priority;
            }
        }
        last.0
    }
}
