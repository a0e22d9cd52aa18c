use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seawall_core::FailureKind;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::condition::Condition;
use super::link::Call;
use super::replica::{Errand, Job, Replica, Totals};
use crate::chance::{Purpose, Seed};
use crate::scenario::{Scenario, ServiceTime, Tier};

/// All servers, and the way to them.
///
/// One lock for all of it: there is one thread, so it is never contended, and every attempt takes it once.
#[derive(Debug)]
pub(super) struct Network {
    tiers: Vec<Plan>,
    seed: Seed,
    servers: Mutex<Servers>,
}

/// What of a tier never changes.
#[derive(Debug)]
struct Plan {
    replicas: usize,
    service_time: ServiceTime,
}

#[derive(Debug)]
struct Servers {
    /// As of the last turn; between two turns no time passes.
    now: Duration,
    /// By tier.
    replicas: Vec<Vec<Replica>>,
    errands: Vec<Errand>,
}

/// Where a server is: which tier, and which of its replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tier: usize,
    pub(super) replica: usize,
}

impl Network {
    pub(super) fn new(scenario: &Scenario, seed: Seed) -> Arc<Self> {
        let plan = |tier: &Tier| Plan {
            replicas: tier.replicas.get() as usize,
            service_time: tier.service_time.clone(),
        };
        let replicas = |(index, tier): (usize, &Tier)| {
            let replica = |replica| Replica::new(tier, Place { tier: index, replica }, seed);
            (0..tier.replicas.get() as usize).map(replica).collect()
        };
        let servers = Servers {
            now: Duration::ZERO,
            replicas: scenario.tiers.iter().enumerate().map(replicas).collect(),
            errands: Vec::new(),
        };
        Arc::new(Self {
            tiers: scenario.tiers.iter().map(plan).collect(),
            seed,
            servers: Mutex::new(servers),
        })
    }

    pub(super) fn replicas(&self, tier: usize) -> usize {
        self.tiers[tier].replicas
    }

    /// Sends an attempt to a tier: to the replica named, or to one by chance.
    pub(super) fn send(
        &self,
        tier: usize,
        replica: Option<usize>,
        call: &Call,
    ) -> oneshot::Receiver<Result<(), FailureKind>> {
        let Plan { replicas, service_time } = &self.tiers[tier];
        let (id, attempt) = (call.id(), u64::from(call.count_attempt()));
        let rng = |purpose| self.seed.rng(purpose, id, attempt);
        let replica = match replica {
            Some(replica) => replica,
            None if *replicas == 1 => 0,
            None => rng(Purpose::Route).usize(..*replicas),
        };
        let work = service_time.draw(&mut rng(Purpose::Work));
        let (reply, answer) = oneshot::channel();
        let job = Job { id, attempt, priority: call.priority(), work, reply };
        let servers = &mut *self.servers();
        servers.replicas[tier][replica].submit(job, servers.now);
        answer
    }

    /// Lets every server catch up with the time. Gives the calls that servers now have to make themselves.
    pub(super) fn turn(&self, now: Duration) -> Vec<Errand> {
        let servers = &mut *self.servers();
        servers.now = now;
        for replica in servers.replicas.iter_mut().flatten() {
            if replica.is_due(now) {
                replica.advance(now, &mut servers.errands);
            }
        }
        std::mem::take(&mut servers.errands)
    }

    /// Puts every server in its condition as of then.
    pub(super) fn suffer(&self, at: Duration, condition: impl Fn(Place) -> Condition) {
        let servers = &mut *self.servers();
        for (tier, replicas) in servers.replicas.iter_mut().enumerate() {
            for (index, replica) in replicas.iter_mut().enumerate() {
                let condition = condition(Place { tier, replica: index });
                replica.suffer(condition, at, &mut servers.errands);
            }
        }
    }

    /// Remembers what makes an attempt's own calls, to end it with the attempt.
    pub(super) fn set_out(&self, place: Place, serial: u64, calls: JoinHandle<()>) {
        self.servers().replicas[place.tier][place.replica].set_out(serial, calls);
    }

    /// An attempt's own calls have come to their end.
    pub(super) fn came_back(&self, place: Place, serial: u64, result: Result<(), FailureKind>) {
        let servers = &mut *self.servers();
        servers.replicas[place.tier][place.replica].came_back(serial, result, servers.now);
    }

    /// Everything counted so far, of all servers.
    pub(super) fn totals(&self) -> Totals {
        let servers = self.servers();
        let mut all = Totals::default();
        for (tier, replicas) in servers.replicas.iter().enumerate() {
            for replica in replicas {
                let totals = replica.totals(servers.now);
                all.add(&totals);
                // Only clients call the first tier.
                if tier == 0 {
                    all.from_clients += totals.received;
                }
            }
        }
        all
    }

    fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
