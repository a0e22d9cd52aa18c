use std::fmt;
use std::sync::Arc;

use seawall_core::Observer;
use tower_layer::Layer;

use super::Cached;
use crate::voice::Voice;
use crate::{Cache, Ttl};

/// Puts a [`Cached`] around services; all of them share the cache, and so the answers to the same key.
///
/// `K` is the function that makes a key of a request, `T` says how long a response is kept ([`TimeToLive`]).
///
/// [`TimeToLive`]: crate::TimeToLive
#[derive(Clone)]
pub struct CacheLayer<K, T = Ttl> {
    cache: Cache,
    key: K,
    ttl: T,
    voice: Arc<Voice>,
}

impl<K> CacheLayer<K> {
    /// Keeps every response for `ttl`, under the key that `key` (a `Fn(&Request) -> Option<String>`) makes of its
    /// request. A request without a key passes through.
    pub fn new(cache: Cache, ttl: impl Into<Ttl>, key: K) -> Self {
        Self { cache, key, ttl: ttl.into(), voice: Arc::default() }
    }
}

impl<K, T> CacheLayer<K, T> {
    /// Says how long each response is kept, if at all: a `Fn(&Response) -> Option<Ttl>`, or any other
    /// [`TimeToLive`](crate::TimeToLive).
    pub fn keep_for<P>(self, ttl: P) -> CacheLayer<K, P> {
        CacheLayer { cache: self.cache, key: self.key, ttl, voice: self.voice }
    }

    /// Names the layer in errors and events; it must hold no secret. `default` until then.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        Arc::make_mut(&mut self.voice).name = name.into();
        self
    }

    /// Names the pipeline the layer stands in. `default` until then.
    pub fn pipeline(mut self, pipeline: &'static str) -> Self {
        Arc::make_mut(&mut self.voice).pipeline = pipeline;
        self
    }

    /// Says who is told of hits and misses. Nobody until then.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        Arc::make_mut(&mut self.voice).observer = Some(observer);
        self
    }
}

impl<S, K: Clone, T: Clone> Layer<S> for CacheLayer<K, T> {
    type Service = Cached<S, K, T>;

    fn layer(&self, inner: S) -> Self::Service {
        Cached::new(inner, self.cache.clone(), self.key.clone(), self.ttl.clone(), Arc::clone(&self.voice))
    }
}

impl<K, T> fmt::Debug for CacheLayer<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer")
            .field("cache", &self.cache)
            .field("voice", &self.voice)
            .finish_non_exhaustive()
    }
}
