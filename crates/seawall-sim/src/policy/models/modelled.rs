use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use fastrand::Rng;
use seawall_core::{Error, FailureKind};
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;
use tower_service::Service;

use super::Model;
use crate::policy::{Client, Gauges, Policy, Reading, Stack, Terms};
use crate::world::{Call, Link};

/// Calls that are made as a [`Model`] decides: attempts with a time each, one after another, until one is answered, the
/// model says no, or the call's time is over.
#[derive(Clone, Copy, Debug)]
pub struct Modelled<M> {
    name: &'static str,
    about: &'static str,
    model: fn() -> M,
}

impl<M: Model> Modelled<M> {
    /// Each client process has a model of its own.
    pub const fn new(name: &'static str, about: &'static str, model: fn() -> M) -> Self {
        Self { name, about, model }
    }
}

impl<M: Model> Policy for Modelled<M> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn client(&self, link: &Link, terms: Terms, seed: u64) -> Client {
        let process = Arc::new(Process {
            name: self.name,
            mind: Mutex::new(((self.model)(), Rng::with_seed(seed))),
            start: Instant::now(),
            terms,
        });
        let stack = Stack::new(Caller { link: link.clone(), process: Arc::clone(&process) });
        Client { stack, gauges: Some(process) }
    }
}

/// What the calls of a client process share.
#[derive(Debug)]
struct Process<M> {
    name: &'static str,
    mind: Mutex<(M, Rng)>,
    start: Instant,
    terms: Terms,
}

impl<M> Process<M> {
    fn ask<R>(&self, question: impl FnOnce(&mut M, Duration, &mut Rng) -> R) -> R {
        let now = self.start.elapsed();
        let (model, rng) = &mut *self.mind.lock().unwrap_or_else(PoisonError::into_inner);
        question(model, now, rng)
    }

    fn error(&self, kind: FailureKind) -> Error {
        Error::new(kind, "client", self.name)
    }

    fn refusal(&self) -> Error {
        self.error(FailureKind::Refused).not_executed()
    }
}

impl<M: Model> Gauges for Process<M> {
    fn read(&self) -> Reading {
        self.ask(|model, _, _| model.reading())
    }
}

struct Caller<M> {
    link: Link,
    process: Arc<Process<M>>,
}

// Derived, it would ask for `M: Clone`.
impl<M> Clone for Caller<M> {
    fn clone(&self) -> Self {
        Self { link: self.link.clone(), process: Arc::clone(&self.process) }
    }
}

impl<M> fmt::Debug for Caller<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("name", &self.process.name).finish_non_exhaustive()
    }
}

impl<M: Model> Service<Call> for Caller<M> {
    type Response = ();
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.link.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let (link, process) = (self.link.clone(), Arc::clone(&self.process));
        Box::pin(async move {
            let attempts = attempts(&process, link, call);
            let in_time = timeout(process.terms.deadline, attempts).await;
            in_time.unwrap_or_else(|_| Err(process.error(FailureKind::Timeout)))
        })
    }
}

async fn attempts<M: Model>(process: &Process<M>, mut link: Link, call: Call) -> Result<(), Error> {
    let mut under_way = CallUnderWay::begin(process)?;
    let mut retry_of = None;
    loop {
        let answer = link.ready().await?;
        let attempt = AttemptUnderWay::begin(process, retry_of)?;
        let in_time = timeout(process.terms.attempt_timeout, answer.call(call.clone())).await;
        let result = in_time.unwrap_or_else(|_| Err(process.error(FailureKind::Timeout)));
        attempt.end(result.as_ref().map_or_else(|error| Err(error.kind()), |()| Ok(())));
        let Err(error) = result else { return Ok(()) };
        let Some(pause) = under_way.retry(error.kind()) else { return Err(error) };
        retry_of = Some(error.kind());
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
}

/// Tells the model that the call is over, however it ends.
struct CallUnderWay<'a, M: Model> {
    process: &'a Process<M>,
    retries: u32,
}

impl<'a, M: Model> CallUnderWay<'a, M> {
    fn begin(process: &'a Process<M>) -> Result<Self, Error> {
        let let_in = process.ask(|model, now, _| model.call_began(now));
        if let_in { Ok(Self { process, retries: 0 }) } else { Err(process.refusal()) }
    }

    /// How long to wait before the next attempt, if there is to be one.
    fn retry(&mut self, failure: FailureKind) -> Option<Duration> {
        if !failure.is_retryable() || self.retries + 1 >= M::ATTEMPTS {
            return None;
        }
        let retries = self.retries;
        let pause = self
            .process
            .ask(|model, now, rng| model.may_retry(failure, now).then(|| model.pause(retries, rng)))?;
        self.retries += 1;
        Some(pause)
    }
}

impl<M: Model> Drop for CallUnderWay<'_, M> {
    fn drop(&mut self) {
        self.process.ask(|model, _, _| model.call_ended(self.retries));
    }
}

/// Tells the model that the attempt ended, however it does.
struct AttemptUnderWay<'a, M: Model> {
    process: &'a Process<M>,
    attempt: Option<M::Attempt>,
}

impl<'a, M: Model> AttemptUnderWay<'a, M> {
    fn begin(process: &'a Process<M>, retry_of: Option<FailureKind>) -> Result<Self, Error> {
        let attempt = process.ask(|model, now, rng| model.attempt_began(retry_of, now, rng));
        let attempt = Some(attempt.ok_or_else(|| process.refusal())?);
        Ok(Self { process, attempt })
    }

    fn end(mut self, result: Result<(), FailureKind>) {
        self.tell(result);
    }

    fn tell(&mut self, result: Result<(), FailureKind>) {
        if let Some(attempt) = self.attempt.take() {
            self.process.ask(|model, now, _| model.attempt_ended(attempt, result, now));
        }
    }
}

impl<M: Model> Drop for AttemptUnderWay<'_, M> {
    fn drop(&mut self) {
        self.tell(Err(FailureKind::Cancelled));
    }
}
