use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName};
use seawall_cache::{Shelf, Weigh};

use super::HttpCacheConfig;
use super::rules::{VariantId, VariantKey};
use super::stored::Stored;

/// What is stored, by URL. Who changes a page holds the lock of the [`Flights`](super::flights::Flights).
pub(super) struct Pages {
    shelf: Shelf<Arc<Page>>,
    key: VariantKey,
}

/// All that is stored of one URL: the responses that the headers named by the latest `Vary` tell apart.
#[derive(Clone, Default)]
pub(super) struct Page {
    names: Box<[HeaderName]>,
    /// The newest first.
    variants: Vec<(VariantId, Arc<Stored>)>,
    uncacheable_until: Option<SystemTime>,
}

/// What is stored for a request.
#[derive(Clone)]
pub(super) enum Found {
    /// A response, fresh or not.
    Stored(VariantId, Arc<Stored>),
    /// Responses to other requests for that URL.
    OtherVariants(VariantId),
    /// The last answer could not be stored.
    Uncacheable,
    Nothing,
}

impl Found {
    pub(super) fn stored(&self) -> Option<&Arc<Stored>> {
        match self {
            Self::Stored(_, stored) => Some(stored),
            _ => None,
        }
    }

    pub(super) fn variant(&self) -> Option<VariantId> {
        match self {
            Self::Stored(variant, _) | Self::OtherVariants(variant) => Some(*variant),
            _ => None,
        }
    }

    /// Whether nothing has happened between two looks.
    pub(super) fn is_still(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Stored(_, now), Self::Stored(_, then)) => Arc::ptr_eq(now, then),
            (Self::OtherVariants(now), Self::OtherVariants(then)) => now == then,
            (Self::Uncacheable, Self::Uncacheable) | (Self::Nothing, Self::Nothing) => true,
            _ => false,
        }
    }
}

impl Pages {
    pub(super) fn new(rules: &HttpCacheConfig) -> Self {
        Self { shelf: Shelf::new(rules.capacity), key: VariantKey::default() }
    }

    pub(super) const fn shelf(&self) -> &Shelf<Arc<Page>> {
        &self.shelf
    }

    pub(super) fn find(&self, url: &str, request: &HeaderMap, now: SystemTime) -> Found {
        let Some(page) = self.shelf.find(url) else { return Found::Nothing };
        if page.variants.is_empty() {
            let remembered = page.uncacheable_until.is_some_and(|until| now < until);
            return if remembered { Found::Uncacheable } else { Found::Nothing };
        }
        let wanted = self.key.identify(&page.names, request);
        match page.variants.iter().find(|(variant, _)| *variant == wanted) {
            Some((_, stored)) => Found::Stored(wanted, Arc::clone(stored)),
            None => Found::OtherVariants(wanted),
        }
    }

    /// Stores the answer to a request that depends on the headers `names`. `false` says that it is too heavy.
    pub(super) fn put(
        &self,
        url: &Arc<str>,
        names: Box<[HeaderName]>,
        request: &HeaderMap,
        stored: Arc<Stored>,
        rules: &HttpCacheConfig,
    ) -> bool {
        let variant = self.key.identify(&names, request);
        let mut page = self.shelf.find(url).map(Arc::unwrap_or_clone).unwrap_or_default();
        // Of answers that name different headers the latest is right, and the others can no longer be told apart.
        if page.names != names {
            page.variants.clear();
            page.names = names;
        }
        page.uncacheable_until = None;
        page.variants.retain(|(other, _)| *other != variant);
        page.variants.insert(0, (variant, stored));
        page.variants.truncate(rules.max_variants.get());
        let most = self.shelf.heaviest().saturating_sub(url.len() as u64);
        while page.variants.len() > 1 && page.weight() > most {
            page.variants.pop();
        }
        self.shelf.insert(Arc::clone(url), Arc::new(page))
    }

    /// Remembers that the answer to a request could not be stored; what was stored for it no longer holds.
    pub(super) fn put_uncacheable(&self, url: &Arc<str>, request: &HeaderMap, until: SystemTime) {
        let mut page = self.shelf.find(url).map(Arc::unwrap_or_clone).unwrap_or_default();
        let variant = self.key.identify(&page.names, request);
        page.variants.retain(|(other, _)| *other != variant);
        page.uncacheable_until = Some(until);
        self.shelf.insert(Arc::clone(url), Arc::new(page));
    }

    pub(super) fn forget(&self, url: &str) -> bool {
        self.shelf.remove(url).is_some_and(|page| !page.variants.is_empty())
    }
}

impl Weigh for Page {
    fn weight(&self) -> u64 {
        let names: usize = self.names.iter().map(|name| name.as_str().len()).sum();
        let variants: u64 = self.variants.iter().map(|(_, stored)| stored.weight()).sum();
        (size_of::<Self>() + names) as u64 + variants
    }
}
