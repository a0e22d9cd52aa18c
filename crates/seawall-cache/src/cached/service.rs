use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::{BoxError, Error, Event};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower_service::Service;

use super::future::ResponseFuture;
use super::voice::Voice;
use super::{STRATEGY, TimeToLive};
use crate::cache::LookedUp;
use crate::codec::decode;
use crate::flight::Unloaded;
use crate::shared::Load;
use crate::{Cache, Ttl};

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

impl<S, K, T> Cached<S, K, T> {
    /// Starts the call that brings the value of `key`, or joins it.
    fn load<Req>(&self, key: &str, request: Req) -> Load
    where
        S: Service<Req> + Clone + Send + 'static,
        S::Response: Serialize + Send,
        S::Error: Into<BoxError> + Send,
        S::Future: Send,
        T: TimeToLive<S::Response> + Clone + Send + 'static,
        Req: Send + 'static,
    {
        let (inner, ttl, name) = (self.inner.clone(), self.ttl.clone(), Arc::clone(&self.voice.name));
        self.cache.shared().load(key, &self.voice.name, move || async move {
            let response = make(inner, request)
                .await
                .map_err(|error| Error::from_boxed(error.into(), STRATEGY, name.to_string()))?;
            let ttl = ttl.time_to_live(&response);
            Ok((response, ttl))
        })
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
        match self.cache.look_up(&key) {
            LookedUp::Fresh(response) => {
                self.voice.tell(&Event::Hit { stale: false });
                ResponseFuture::found(Ok(response))
            }
            LookedUp::Stale(response) => {
                self.voice.tell(&Event::Hit { stale: true });
                let _renewal = self.load(&key, request);
                ResponseFuture::found(Ok(response))
            }
            LookedUp::Missing => {
                self.voice.tell(&Event::Missed);
                let name = Arc::clone(&self.voice.name);
                match self.load(&key, request) {
                    Load::Landed(bytes) => {
                        ResponseFuture::found(decode(&name, &bytes).map_err(S::Error::from))
                    }
                    Load::UnderWay(waiter) => ResponseFuture::waiting(async move {
                        let bytes = waiter.wait(&name).await.map_err(Unloaded::into_cause)?;
                        Ok(decode(&name, &bytes)?)
                    }),
                }
            }
        }
    }
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
