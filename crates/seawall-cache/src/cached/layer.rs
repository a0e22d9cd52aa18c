use std::fmt;
use std::sync::Arc;

use seawall_core::Observer;
use tower_layer::Layer;

use super::Cached;
use crate::voice::Voice;
use crate::{Cache, Encoded, Key, Ttl, Value};

/// Puts a [`Cached`] around services; all of them share the cache, and so the answers to the same key.
///
/// `F` is the function that makes a key of a request, `T` says how long a response is kept ([`TimeToLive`]), `K` and `V`
/// are the cache's keys and values.
///
/// [`TimeToLive`]: crate::TimeToLive
pub struct CacheLayer<F, T = Ttl, K = String, V = Encoded> {
    cache: Cache<K, V>,
    key: F,
    ttl: T,
    voice: Arc<Voice>,
}

impl<F, K, V> CacheLayer<F, Ttl, K, V> {
    /// Keeps every response for `ttl`, under the key that `key` (a `Fn(&Request) -> Option<K>`) makes of its request. A
    /// request without a key passes through.
    ///
    /// A [`Cache`] without parameters keeps responses as JSON; a `Cache<K, Response>` keeps them as they are, and writes
    /// them into its [second tier](crate::CacheBuilder::second_tier), if it has one, as its codec does.
    pub fn new(cache: Cache<K, V>, ttl: impl Into<Ttl>, key: F) -> Self {
        Self { cache, key, ttl: ttl.into(), voice: Arc::default() }
    }
}

impl<F, T, K, V> CacheLayer<F, T, K, V> {
    /// Says how long each response is kept, if at all: a `Fn(&Response) -> Option<Ttl>`, or any other
    /// [`TimeToLive`](crate::TimeToLive).
    pub fn keep_for<P>(self, ttl: P) -> CacheLayer<F, P, K, V> {
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

impl<S, F: Clone, T: Clone, K, V> Layer<S> for CacheLayer<F, T, K, V> {
    type Service = Cached<S, F, T, K, V>;

    fn layer(&self, inner: S) -> Self::Service {
        Cached::new(inner, self.cache.clone(), self.key.clone(), self.ttl.clone(), Arc::clone(&self.voice))
    }
}

impl<F: Clone, T: Clone, K, V> Clone for CacheLayer<F, T, K, V> {
    fn clone(&self) -> Self {
        let Self { cache, key, ttl, voice } = self;
        Self { cache: cache.clone(), key: key.clone(), ttl: ttl.clone(), voice: Arc::clone(voice) }
    }
}

impl<F, T, K: Key, V: Value> fmt::Debug for CacheLayer<F, T, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer")
            .field("cache", &self.cache)
            .field("voice", &self.voice)
            .finish_non_exhaustive()
    }
}
