use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use seawall_core::{Error, FailureKind};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower_service::Service;

use super::replica::Job;
use super::tier::Network;
use crate::chance::{Purpose, Seed};
use crate::scenario::ServiceTime;

/// One call, as it goes through a stack: copies of it are the same call.
#[derive(Clone, Debug)]
pub struct Call {
    id: u64,
    attempts: Arc<AtomicU32>,
}

impl Call {
    pub(super) fn new(id: u64) -> Self {
        Self { id, attempts: Arc::new(AtomicU32::new(0)) }
    }

    /// How many attempts have been sent.
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }
}

/// The way to the servers of a tier: what a stack calls in the end. The network sends each attempt to a replica by chance.
#[derive(Clone, Debug)]
pub struct Link {
    network: Network,
    tier: usize,
    service_time: ServiceTime,
    seed: Seed,
    start: Instant,
    only: Option<usize>,
}

impl Link {
    /// How many replicas the tier has.
    pub fn replicas(&self) -> usize {
        self.network.tier(self.tier).len()
    }

    /// The way to one replica, counted from 0, for a stack that chooses by itself where its attempts go.
    ///
    /// # Panics
    /// If there is no such replica.
    #[must_use]
    pub fn to(&self, replica: usize) -> Self {
        assert!(replica < self.replicas(), "there is no replica {replica}");
        Self { only: Some(replica), ..self.clone() }
    }

    pub(super) const fn new(
        network: Network,
        tier: usize,
        service_time: ServiceTime,
        seed: Seed,
        start: Instant,
    ) -> Self {
        Self { network, tier, service_time, seed, start, only: None }
    }
}

impl Service<Call> for Link {
    type Response = ();
    type Error = Error;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Answer {
        let attempt = u64::from(call.attempts.fetch_add(1, Relaxed));
        let rng = |purpose| self.seed.rng(purpose, call.id, attempt);
        let tier = self.network.tier(self.tier);
        let replica = self.only.unwrap_or_else(|| rng(Purpose::Route).usize(..tier.len()));
        let (reply, answer) = oneshot::channel();
        let job =
            Job { work: self.service_time.draw(&mut rng(Purpose::Work)), fate: rng(Purpose::Fate), reply };
        tier.replica(replica).submit(job, self.start.elapsed());
        Answer { answer }
    }
}

/// The answer of a server. Dropped, the attempt is abandoned; the server may work on it all the same.
#[derive(Debug)]
pub struct Answer {
    answer: oneshot::Receiver<Result<(), FailureKind>>,
}

impl Future for Answer {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = ready!(Pin::new(&mut self.answer).poll(cx));
        let result = answered.unwrap_or(Err(FailureKind::Transient));
        Poll::Ready(result.map_err(|kind| Error::new(kind, "server", "tier")))
    }
}
