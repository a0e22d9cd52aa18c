use seawall_cache::Tags;

use super::QueryCache;

/// What a write ends, once it is done: or given up, for nobody knows then what it did.
pub(crate) struct Invalidation {
    cache: QueryCache,
    tags: Vec<Tags>,
}

impl Invalidation {
    pub(crate) fn new(cache: &QueryCache, tags: &[Tags]) -> Option<Self> {
        (!tags.is_empty()).then(|| Self { cache: cache.clone(), tags: tags.to_vec() })
    }

    /// The write is done.
    pub(crate) async fn end(mut self) {
        end(self.cache.clone(), std::mem::take(&mut self.tags)).await;
    }

    /// The write was never made.
    pub(crate) fn forget(mut self) {
        self.tags.clear();
    }
}

async fn end(cache: QueryCache, tags: Vec<Tags>) {
    for tags in tags {
        cache.invalidate(tags).await;
    }
}

impl Drop for Invalidation {
    fn drop(&mut self) {
        if self.tags.is_empty() {
            return;
        }
        // Without a runtime there is nobody left who reads.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(end(self.cache.clone(), std::mem::take(&mut self.tags)));
        }
    }
}
