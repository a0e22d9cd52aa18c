use tower::Layer;

use super::{HttpCache, HttpCacheHandle};

/// Puts an [`HttpCache`] around services; all of them share what is stored.
#[derive(Clone, Debug)]
pub struct HttpCacheLayer {
    handle: HttpCacheHandle,
}

impl HttpCacheLayer {
    /// A layer over the cache of this handle.
    pub const fn new(handle: HttpCacheHandle) -> Self {
        Self { handle }
    }

    /// The cache, to look at it, to invalidate, or to change its rules.
    pub const fn handle(&self) -> &HttpCacheHandle {
        &self.handle
    }
}

impl<S> Layer<S> for HttpCacheLayer {
    type Service = HttpCache<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HttpCache::new(inner, self.handle.clone())
    }
}
