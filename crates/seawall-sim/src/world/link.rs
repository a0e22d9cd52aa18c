use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use seawall_core::{Error, FailureKind, Priority};
use tokio::sync::oneshot;
use tower_service::Service;

use super::network::Network;

/// One call, as it goes through a stack: copies of it are the same call.
#[derive(Clone, Debug)]
pub struct Call {
    id: u64,
    priority: Priority,
    attempts: Arc<AtomicU32>,
}

impl Call {
    pub(super) fn new(id: u64, priority: Priority) -> Self {
        Self { id, priority, attempts: Arc::default() }
    }

    /// How many attempts have been sent.
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }

    /// How much it matters; servers whose queues go by priority see it.
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    /// Counts one more attempt and says which it is, from 0.
    pub(super) fn count_attempt(&self) -> u32 {
        self.attempts.fetch_add(1, Relaxed)
    }
}

/// The way to the servers of a tier: what a stack calls in the end. The network sends each attempt to a replica by chance.
#[derive(Clone, Debug)]
pub struct Link {
    network: Arc<Network>,
    tier: usize,
    only: Option<usize>,
}

impl Link {
    pub(super) fn new(network: &Arc<Network>, tier: usize) -> Self {
        Self { network: Arc::clone(network), tier, only: None }
    }

    /// How many replicas the tier has.
    pub fn replicas(&self) -> usize {
        self.network.replicas(self.tier)
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
}

impl Service<Call> for Link {
    type Response = ();
    type Error = Error;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Answer {
        Answer { answer: self.network.send(self.tier, self.only, &call) }
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
        // A server that goes without a word has closed the connection.
        let result = answered.unwrap_or(Err(FailureKind::Transient));
        Poll::Ready(result.map_err(|kind| Error::new(kind, "server", "tier")))
    }
}
