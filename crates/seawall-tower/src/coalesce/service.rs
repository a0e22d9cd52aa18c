use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use seawall_core::{CallContext, Event, FailureKind, Refusal};
use tokio::time::timeout;
use tower_service::Service;

use super::STRATEGY;
use super::flights::{Answer, Boarded, Flights, Landing};
use super::future::ResponseFuture;
use super::layer::Settings;
use crate::clock::now;

/// Makes one call of many that ask for the same. See the [module](super).
pub struct Coalesce<S: Service<Req>, K, Req, Q> {
    inner: S,
    key: K,
    flights: Arc<Flights<Q, S::Response, S::Error>>,
    settings: Arc<Settings>,
}

impl<S: Service<Req>, K, Req, Q> Coalesce<S, K, Req, Q> {
    pub(super) fn new(inner: S, key: K, settings: Arc<Settings>) -> Self {
        Self { inner, key, flights: Arc::new(Flights::new()), settings }
    }

    /// How many different calls are under way.
    pub fn under_way(&self) -> usize {
        self.flights.under_way()
    }

    crate::inner::accessors!(S);
}

impl<S, K, Req, Q> Service<Req> for Coalesce<S, K, Req, Q>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Response: Clone + Send + 'static,
    S::Error: From<Refusal> + Clone + Send + 'static,
    S::Future: Send,
    K: Fn(&Req) -> Option<Q>,
    Req: Send + 'static,
    Q: Hash + Eq + Clone + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Q, S::Response, S::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    /// # Panics
    /// Outside a tokio runtime.
    fn call(&mut self, request: Req) -> Self::Future {
        let Some(key) = (self.key)(&request) else {
            return ResponseFuture::passing(Box::pin(make(self.inner.clone(), request)));
        };
        let Boarded { answer, seat, landing } = self.flights.board(key);
        match landing {
            Some(landing) => {
                let call = make(self.inner.clone(), request);
                let settings = Arc::clone(&self.settings);
                let limit = settings.limit.limit();
                let context = CallContext::current().without_deadline();
                let context = limit.map_or(context.clone(), |limit| context.within(limit, now()));
                let task = tokio::spawn(context.scope(fly(call, landing, limit, settings)));
                seat.flown_by(task.abort_handle());
            }
            None => self.settings.identity.tell(STRATEGY, &Event::Coalesced),
        }
        ResponseFuture::waiting(answer, seat, Arc::clone(&self.settings))
    }
}

/// Makes a call once the service is ready.
async fn make<S: Service<Req>, Req>(mut inner: S, request: Req) -> Result<S::Response, S::Error> {
    poll_fn(|cx| inner.poll_ready(cx)).await?;
    inner.call(request).await
}

/// Makes the call for everybody: within its time, and whatever it does.
async fn fly<Q, R, E>(
    call: impl Future<Output = Answer<R, E>>,
    landing: Landing<Q, R, E>,
    limit: Option<Duration>,
    settings: Arc<Settings>,
) where
    Q: Hash + Eq,
    R: Clone,
    E: Clone + From<Refusal>,
{
    let answer = {
        let mut call = pin!(call);
        let caught = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_panic) => Poll::Ready(None),
        });
        match within(limit, caught).await {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                let refusal =
                    settings.identity.refusal(STRATEGY, FailureKind::Permanent, "the call panicked");
                Err(refusal.executed().into())
            }
            Err(limit) => Err(settings.limit.ran_out(limit).into()),
        }
    };
    landing.land(&answer);
}

/// The output, or the limit that it took longer than.
async fn within<F: Future>(limit: Option<Duration>, future: F) -> Result<F::Output, Duration> {
    match limit {
        Some(limit) => timeout(limit, future).await.map_err(|_elapsed| limit),
        None => Ok(future.await),
    }
}

impl<S: Service<Req> + Clone, K: Clone, Req, Q> Clone for Coalesce<S, K, Req, Q> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            key: self.key.clone(),
            flights: Arc::clone(&self.flights),
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<S: Service<Req>, K, Req, Q> fmt::Debug for Coalesce<S, K, Req, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the keys: they may hold anything.
        f.debug_struct("Coalesce").field("under_way", &self.under_way()).finish_non_exhaustive()
    }
}
