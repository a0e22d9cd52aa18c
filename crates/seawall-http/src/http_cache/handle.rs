use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use http::Uri;
use seawall_core::InvalidConfig;
use seawall_tower::Identity;

use super::flights::Flights;
use super::pages::Pages;
use super::shared::{Counts, Shared, page_key};
use super::{HttpCacheConfig, STRATEGY};
use crate::backend::wall_clock;

/// An HTTP cache: what is stored, and its rules. Clones are the same cache, and so are all services made of it.
#[derive(Clone)]
pub struct HttpCacheHandle(Arc<Shared>);

impl HttpCacheHandle {
    /// An empty cache that goes by the wall clock.
    ///
    /// # Errors
    ///
    /// When the configuration breaks one of its rules.
    pub fn new(identity: Identity, config: &HttpCacheConfig) -> Result<Self, InvalidConfig> {
        Self::with_clock(identity, config, wall_clock)
    }

    /// An empty cache that goes by a clock of yours: a test's, or a simulation's.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_clock(
        identity: Identity,
        config: &HttpCacheConfig,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(Self(Arc::new(Shared {
            identity,
            rules: RwLock::new(Arc::new(config.clone())),
            pages: Pages::new(config),
            flights: Arc::new(Flights::default()),
            clock: Box::new(clock),
            counts: Counts::default(),
        })))
    }

    /// Puts other rules in force, for requests that come from now on; what is stored stays, unless the scope changes.
    /// Tells [`Event::Reconfigured`](seawall_core::Event::Reconfigured) or
    /// [`Event::ReconfigurationRefused`](seawall_core::Event::ReconfigurationRefused).
    ///
    /// # Errors
    ///
    /// When the configuration breaks one of its rules or has another capacity; the old one then stays.
    pub fn reconfigure(&self, config: &HttpCacheConfig) -> Result<(), InvalidConfig> {
        let result = self.replace(config);
        self.0.identity.tell_reconfigured(STRATEGY, &result);
        result
    }

    fn replace(&self, config: &HttpCacheConfig) -> Result<(), InvalidConfig> {
        config.validate()?;
        let mut rules = self.0.rules.write().unwrap_or_else(PoisonError::into_inner);
        if config.capacity != rules.capacity {
            return Err(InvalidConfig::new("capacity", config.capacity, "cannot be changed"));
        }
        let another_scope = config.scope != rules.scope;
        *rules = Arc::new(config.clone());
        drop(rules);
        if another_scope {
            self.0.forget_everything();
        }
        Ok(())
    }

    /// Forgets all that is stored of a URL, and says whether there was anything. What is being fetched of it answers
    /// those who wait, but is not stored.
    pub fn forget(&self, url: &Uri) -> bool {
        self.0.forget(&page_key(url))
    }

    /// Forgets everything, as [`forget`](Self::forget) of every URL does.
    pub fn clear(&self) {
        self.0.forget_everything();
    }

    /// What the cache has done so far, and what it holds.
    pub fn stats(&self) -> HttpCacheStats {
        let Shared { counts, pages, .. } = &*self.0;
        let read = |count: &AtomicU64| count.load(Relaxed);
        HttpCacheStats {
            hits: read(&counts.hits),
            stale_hits: read(&counts.stale_hits),
            misses: read(&counts.misses),
            collapsed: read(&counts.collapsed),
            validations: read(&counts.validations),
            stored: read(&counts.stored),
            evictions: pages.shelf().evictions(),
            urls: pages.shelf().entries(),
            weight: pages.shelf().weight(),
        }
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl fmt::Debug for HttpCacheHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not what is stored: it may be anybody's.
        f.debug_struct("HttpCacheHandle")
            .field("identity", &self.0.identity)
            .field("rules", &self.0.rules())
            .field("stats", &self.stats())
            .finish()
    }
}

/// What an HTTP cache has done since it was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct HttpCacheStats {
    /// Requests answered by what was stored and fresh, or allowed by the request.
    pub hits: u64,
    /// Requests answered by what was past its time: while it was renewed, or in place of an error.
    pub stale_hits: u64,
    /// Requests for which the origin had to be asked.
    pub misses: u64,
    /// Requests that waited for the fetch of another.
    pub collapsed: u64,
    /// Times that the origin was asked whether something had changed.
    pub validations: u64,
    /// Responses stored, renewed ones included.
    pub stored: u64,
    /// URLs pushed out to make room.
    pub evictions: u64,
    /// URLs of which something is stored or remembered.
    pub urls: u64,
    /// What all that weighs, in bytes.
    pub weight: u64,
}
