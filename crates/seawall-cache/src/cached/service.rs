use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use seawall_core::{BoxError, Error, Event, FailureKind, Name};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower_service::Service;

use super::future::ResponseFuture;
use crate::cache::{LookedUp, is_a};
use crate::codec::{decode, encode};
use crate::flight::{Unloaded, Waiter};
use crate::load::{Load, Made, Request};
use crate::shared::Found;
use crate::voice::{STRATEGY, Voice};
use crate::{Cache, Encoded, TimeToLive, Ttl};

/// Answers from a cache. See the [module](super).
#[derive(Clone)]
pub struct Cached<S, K, T = Ttl> {
    inner: S,
    cache: Cache,
    key: K,
    ttl: T,
    voice: Arc<Voice>,
}

impl<S, K, T> Cached<S, K, T> {
    pub(super) const fn new(inner: S, cache: Cache, key: K, ttl: T, voice: Arc<Voice>) -> Self {
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

/// Makes the call of a request that waits for its turn.
type MakeCall = Box<dyn FnOnce() -> BoxFuture<'static, Made<Encoded>> + Send>;

impl<S, K, T> Cached<S, K, T> {
    /// Starts the call that brings the value of `key`, or joins it. `renews` is when the entry expires that is renewed
    /// before its time, or 0.
    fn load<Req>(&self, key: &str, renews: u64, request: Req) -> Load<Encoded, MakeCall>
    where
        S: Service<Req> + Clone + Send + 'static,
        S::Response: Serialize + DeserializeOwned + Send,
        S::Error: Into<BoxError> + Send,
        S::Future: Send,
        T: TimeToLive<S::Response> + Clone + Send + 'static,
        Req: Send + 'static,
    {
        let (inner, ttl, name) = (self.inner.clone(), self.ttl.clone(), Arc::clone(&self.voice.name));
        let of_failure = self.ttl.clone();
        let about = Request {
            name: Name::from(&self.voice.name),
            tags: self.ttl.tags(),
            renews,
            accepts: is_a::<S::Response>,
        };
        let loader: MakeCall = Box::new(move || {
            Box::pin(async move {
                let response = make(inner, request)
                    .await
                    .map_err(|error| Error::from_boxed(error.into(), STRATEGY, name.to_string()))?;
                let time = ttl.time_to_live(&response);
                Ok(Some((encode(&name, &response)?, time)))
            })
        });
        let failure_time = move |error: &Error| of_failure.failure_time(error);
        self.cache.shared().load(key.to_owned(), about, failure_time, loader)
    }
}

impl<S, K, T, Req> Service<Req> for Cached<S, K, T>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Response: Serialize + DeserializeOwned + Send + 'static,
    S::Error: Into<BoxError> + From<Error> + Send + 'static,
    S::Future: Send,
    K: Fn(&Req) -> Option<String>,
    T: TimeToLive<S::Response> + Clone + Send + 'static,
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
        let read = |value: &Encoded| decode(&self.voice.name, value).map_err(S::Error::from);
        let found = match self.cache.look_up(&key) {
            LookedUp::Fresh(response) => {
                self.voice.tell(&Event::Hit { stale: false });
                return ResponseFuture::found(Ok(response));
            }
            LookedUp::Else(found) => found,
        };
        match found {
            Found::Fresh(value) | Found::Resting(value) => ResponseFuture::found(read(&value)),
            Found::Early(value, expiry) => {
                self.voice.tell(&Event::Hit { stale: false });
                if let Load::Launched(_) = self.load(&key, expiry, request) {
                    self.cache.shared().counters.early_refreshes.count();
                }
                ResponseFuture::found(read(&value))
            }
            Found::Stale(value) => {
                self.voice.tell(&Event::Hit { stale: true });
                let _renewal = self.load(&key, 0, request);
                ResponseFuture::found(read(&value))
            }
            Found::Failed(error) => {
                self.voice.tell(&Event::Hit { stale: false });
                ResponseFuture::found(Err(S::Error::from(Arc::unwrap_or_clone(error))))
            }
            Found::Missing => {
                self.voice.tell(&Event::Missed);
                let name = Arc::clone(&self.voice.name);
                match self.load(&key, 0, request) {
                    Load::Landed(value) => ResponseFuture::found(read(&value)),
                    Load::Launched(waiter) => ResponseFuture::waiting(wait(waiter, name)),
                    Load::Joined(waiter, loader) => ResponseFuture::waiting(async move {
                        let landed = waiter.wait(&Name::from(&name)).await.map_err(Unloaded::into_cause)?;
                        if let Some(value) = landed {
                            return Ok(decode(&name, &value)?);
                        }
                        // A look into the second tier was under way that found nothing.
                        let made = loader().await?.map(|(value, _)| value);
                        Ok(decode(&name, &made.ok_or_else(|| nothing(&name))?)?)
                    }),
                }
            }
        }
    }
}

/// Waits for a load of our own.
async fn wait<R: DeserializeOwned, E: From<Error>>(waiter: Waiter<Encoded>, name: Arc<str>) -> Result<R, E> {
    let landed = waiter.wait(&Name::from(&name)).await.map_err(Unloaded::into_cause)?;
    Ok(decode(&name, &landed.ok_or_else(|| nothing(&name))?)?)
}

fn nothing(name: &Arc<str>) -> Error {
    Error::new(FailureKind::Cancelled, STRATEGY, name).with_message("the call brought nothing")
}

/// Makes a call once the service is ready.
async fn make<S: Service<Req>, Req>(mut inner: S, request: Req) -> Result<S::Response, S::Error> {
    poll_fn(|cx| inner.poll_ready(cx)).await?;
    inner.call(request).await
}

impl<S: fmt::Debug, K, T> fmt::Debug for Cached<S, K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("inner", &self.inner)
            .field("voice", &self.voice)
            .finish_non_exhaustive()
    }
}
