use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use seawall_core::{BoxError, Error, Event, FailureKind, Name};
use tower_service::Service;

use super::future::ResponseFuture;
use crate::flight::{Unloaded, Waiter};
use crate::load::{Load, Made, Request};
use crate::shared::Found;
use crate::voice::{STRATEGY, Voice};
use crate::{Cache, Encoded, Holds, Key, TimeToLive, Ttl};

/// Answers from a cache. See the [module](super).
pub struct Cached<S, F, T = Ttl, K = String, V = Encoded> {
    inner: S,
    cache: Cache<K, V>,
    key: F,
    ttl: T,
    voice: Arc<Voice>,
}

impl<S, F, T, K, V> Cached<S, F, T, K, V> {
    pub(super) const fn new(inner: S, cache: Cache<K, V>, key: F, ttl: T, voice: Arc<Voice>) -> Self {
        Self { inner, cache, key, ttl, voice }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the inner service out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, F, T, K, V, Req> Service<Req> for Cached<S, F, T, K, V>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Response: Send + 'static,
    S::Error: Into<BoxError> + From<Error> + Send + 'static,
    S::Future: Send,
    F: Fn(&Req) -> Option<K>,
    T: TimeToLive<S::Response> + Clone + Send + 'static,
    K: Key,
    V: Holds<S::Response>,
    Req: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Response, S::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    /// # Panics
    /// Outside a tokio runtime, when there is something to load.
    fn call(&mut self, request: Req) -> Self::Future {
        let Some(key) = (self.key)(&request) else {
            return ResponseFuture::waiting(make(self.inner.clone(), request));
        };
        let cache = self.cache.shared();
        let (value, renews) = match cache.look_up(&key) {
            Found::Fresh(value) | Found::Resting(value) => (value, None),
            Found::Early(value, expiry) => (value, Some(expiry)),
            Found::Stale(value) => (value, Some(STALE)),
            Found::Failed(error) => {
                self.voice.tell(&Event::Hit { stale: false });
                return ResponseFuture::found(Err(S::Error::from(Arc::unwrap_or_clone(error))));
            }
            Found::Missing => return self.miss(key, request),
        };
        let Ok(response) = value.read(&self.voice.name) else {
            // Only a call can put it right; fresh, it would be taken for what one has just brought.
            cache.remove(&key);
            return self.miss(key, request);
        };
        self.voice.tell(&Event::Hit { stale: renews == Some(STALE) });
        if let Some(expiry) = renews {
            let launched = matches!(self.load(key, expiry, request), Load::Launched(_));
            if launched && expiry != STALE {
                cache.counters.early_refreshes.count();
            }
        }
        ResponseFuture::found(Ok(response))
    }
}

/// In place of when an entry expires: it has.
const STALE: u64 = 0;

/// Makes the call of a request that waits for its turn.
type MakeCall<V> = Box<dyn FnOnce() -> BoxFuture<'static, Made<V>> + Send>;

impl<S, F, T, K: Key, V> Cached<S, F, T, K, V> {
    /// Starts the call that brings the value of `key`, or joins it. `renews` is when the entry expires that is renewed.
    fn load<Req>(&self, key: K, renews: u64, request: Req) -> Load<V, MakeCall<V>>
    where
        S: Service<Req> + Clone + Send + 'static,
        S::Response: Send,
        S::Error: Into<BoxError> + Send,
        S::Future: Send,
        T: TimeToLive<S::Response> + Clone + Send + 'static,
        V: Holds<S::Response>,
        Req: Send + 'static,
    {
        let (inner, ttl, name) = (self.inner.clone(), self.ttl.clone(), Arc::clone(&self.voice.name));
        let of_failure = self.ttl.clone();
        let about = Request {
            name: Name::from(&self.voice.name),
            tags: self.ttl.tags(),
            renews,
            accepts: V::is_readable,
        };
        let loader: MakeCall<V> = Box::new(move || {
            Box::pin(async move {
                let response = make(inner, request)
                    .await
                    .map_err(|error| Error::from_boxed(error.into(), STRATEGY, name.to_string()))?;
                let time = ttl.time_to_live(&response);
                Ok(Some((V::hold(response, &name)?, time)))
            })
        });
        let failure_time = move |error: &Error| of_failure.failure_time(error);
        self.cache.shared().load(key, about, failure_time, loader)
    }

    /// Answers with what a call brings.
    fn miss<Req>(&self, key: K, request: Req) -> ResponseFuture<S::Response, S::Error>
    where
        S: Service<Req> + Clone + Send + 'static,
        S::Response: Send + 'static,
        S::Error: Into<BoxError> + From<Error> + Send + 'static,
        S::Future: Send,
        T: TimeToLive<S::Response> + Clone + Send + 'static,
        V: Holds<S::Response>,
        Req: Send + 'static,
    {
        self.voice.tell(&Event::Missed);
        let name = Arc::clone(&self.voice.name);
        match self.load(key, STALE, request) {
            Load::Landed(value) => ResponseFuture::found(value.read(&name).map_err(S::Error::from)),
            Load::Launched(waiter) => ResponseFuture::waiting(async move {
                let landed = wait(waiter, &name).await?;
                Ok(landed.ok_or_else(|| nothing(&name))?.read(&name)?)
            }),
            Load::Joined(waiter, loader) => ResponseFuture::waiting(async move {
                if let Some(value) = wait(waiter, &name).await? {
                    return Ok(value.read(&name)?);
                }
                // A look into the second tier was under way that found nothing.
                let made = loader().await?.map(|(value, _)| value);
                Ok(made.ok_or_else(|| nothing(&name))?.read(&name)?)
            }),
        }
    }
}

async fn wait<V: crate::Value>(waiter: Waiter<V>, name: &Arc<str>) -> Result<Option<V>, Error> {
    waiter.wait(&Name::from(name)).await.map_err(Unloaded::into_cause)
}

fn nothing(name: &Arc<str>) -> Error {
    Error::new(FailureKind::Cancelled, STRATEGY, name).with_message("the call brought nothing")
}

/// Makes a call once the service is ready.
async fn make<S: Service<Req>, Req>(mut inner: S, request: Req) -> Result<S::Response, S::Error> {
    poll_fn(|cx| inner.poll_ready(cx)).await?;
    inner.call(request).await
}

impl<S: Clone, F: Clone, T: Clone, K, V> Clone for Cached<S, F, T, K, V> {
    fn clone(&self) -> Self {
        let Self { inner, cache, key, ttl, voice } = self;
        Self {
            inner: inner.clone(),
            cache: cache.clone(),
            key: key.clone(),
            ttl: ttl.clone(),
            voice: Arc::clone(voice),
        }
    }
}

impl<S: fmt::Debug, F, T, K, V> fmt::Debug for Cached<S, F, T, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("inner", &self.inner)
            .field("voice", &self.voice)
            .finish_non_exhaustive()
    }
}
