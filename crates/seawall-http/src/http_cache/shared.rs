use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use http::Uri;
use seawall_core::Event;
use seawall_tower::Identity;

use super::flights::{Flights, Pilot, Waiter};
use super::pages::{Found, Pages};
use super::{HttpCacheConfig, STRATEGY};
use crate::target::Key;

/// What all services of one cache share.
pub(super) struct Shared {
    pub(super) identity: Identity,
    pub(super) rules: RwLock<Arc<HttpCacheConfig>>,
    pub(super) pages: Pages,
    pub(super) flights: Arc<Flights>,
    pub(super) clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    pub(super) counts: Counts,
}

/// The running counts; relaxed, because each is read alone.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) hits: AtomicU64,
    pub(super) stale_hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) collapsed: AtomicU64,
    pub(super) validations: AtomicU64,
    pub(super) stored: AtomicU64,
}

/// How a request that is not answered by what is stored comes to its answer.
pub(super) enum Boarding {
    Pilot(Pilot),
    Waiter(Waiter),
    /// Something has been stored or forgotten since the caller looked.
    LookAgain,
}

impl Shared {
    pub(super) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    pub(super) fn rules(&self) -> Arc<HttpCacheConfig> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Joins the fetch that is under way for the same, or begins one. `alone` joins none, and nobody joins it.
    pub(super) fn board(
        &self,
        url: &Arc<str>,
        request: &http::HeaderMap,
        seen: &Found,
        alone: bool,
    ) -> Boarding {
        let now = self.now();
        let mut flights = self.flights.lock();
        if !alone {
            if let Some(waiter) = flights.join(url, seen.variant()) {
                return Boarding::Waiter(waiter);
            }
            // Looked up again under the lock: a fetch may have landed since the caller looked.
            if !self.pages.find(url, request, now).is_still(seen) {
                return Boarding::LookAgain;
            }
        }
        Boarding::Pilot(flights.launch(&self.flights, url, seen.variant(), !alone))
    }

    /// Forgets a URL. Fetches of it that are under way are not stored.
    pub(super) fn forget(&self, url: &str) -> bool {
        let mut flights = self.flights.lock();
        flights.disown(url);
        self.pages.forget(url)
    }

    pub(super) fn forget_everything(&self) {
        let mut flights = self.flights.lock();
        flights.disown_all();
        self.pages.shelf().clear();
    }

    pub(super) fn tell_hit(&self, stale: bool) {
        let count = if stale { &self.counts.stale_hits } else { &self.counts.hits };
        count.fetch_add(1, Relaxed);
        self.identity.tell(STRATEGY, &Event::Hit { stale });
    }

    pub(super) fn tell_missed(&self) {
        self.counts.misses.fetch_add(1, Relaxed);
        self.identity.tell(STRATEGY, &Event::Missed);
    }

    pub(super) fn tell_collapsed(&self) {
        self.counts.collapsed.fetch_add(1, Relaxed);
        self.identity.tell(STRATEGY, &Event::Coalesced);
    }
}

/// What a URL is stored under: without the fragment, host in lower case, port spelled out.
pub(super) fn page_key(uri: &Uri) -> Arc<str> {
    match Key::of(&http::Method::GET, uri) {
        Ok(authority) => {
            format!("{}{}", authority.as_str(), uri.path_and_query().map_or("/", |path| path.as_str()))
        }
        Err(_) => uri.to_string(),
    }
    .into()
}
