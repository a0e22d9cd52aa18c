//! Cookies, kept for one client.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use cookie_store::{Cookie, CookieDomain, CookieStore};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

/// How many cookies a jar keeps in all, and of one domain, and how long one may be: what RFC 6265 §6.1 asks for.
const MOST: usize = 3000;
const MOST_OF_A_DOMAIN: usize = 50;
const LONGEST: usize = 4096;

/// The cookies of a client, by RFC 6265: set by responses, sent with requests to the hosts and paths that they belong to.
/// Clones are the same jar. It keeps 3000 cookies, 50 of a domain, 4096 bytes each; for one more, an older one of the
/// same domain goes, or of the domain that has the most.
///
/// It has no list of public suffixes: a server of `example.co.uk` can set a cookie for all of `co.uk`.
#[derive(Clone, Default)]
pub struct Cookies(Arc<RwLock<CookieStore>>);

impl Cookies {
    /// Keeps a cookie as if a response from `url` had set it with a `Set-Cookie` of this value: `session=1; Secure`.
    /// One that such a response may not set is not kept.
    pub fn set(&self, cookie: &str, url: &Url) {
        if cookie.len() > LONGEST {
            return;
        }
        let Ok(cookie) = Cookie::parse(cookie, url) else { return };
        let name = cookie.name().to_owned();
        let mut store = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(_kept) = store.insert(cookie.into_owned(), url) {
            make_room(&mut store, &name);
        }
    }

    /// The `Cookie` header that a request to `url` has, if any cookie belongs to it.
    pub fn of(&self, url: &Url) -> Option<HeaderValue> {
        let store = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<_> =
            store.get_request_values(url).map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() {
            return None;
        }
        let mut header = HeaderValue::try_from(pairs.join("; ")).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Keeps those that a response from `url` sets.
    pub(crate) fn keep_those_of(&self, headers: &HeaderMap, url: &Url) {
        let set = headers.get_all(SET_COOKIE).iter().filter_map(|header| header.to_str().ok());
        set.for_each(|cookie| self.set(cookie, url));
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many are kept, those counted that have expired and nobody asked for since.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter_any().count()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// After one cookie more than before, `newest`: at most one has to go.
fn make_room(store: &mut CookieStore, newest: &str) {
    let mut by_domain: HashMap<&str, usize> = HashMap::new();
    for cookie in store.iter_any() {
        *by_domain.entry(domain_of(cookie)).or_default() += 1;
    }
    let all: usize = by_domain.values().sum();
    let Some((domain, most)) = by_domain.into_iter().max_by_key(|(_, count)| *count) else { return };
    if all <= MOST && most <= MOST_OF_A_DOMAIN {
        return;
    }
    // One that has expired, or else one that ends with the session.
    let of_domain = store.iter_any().filter(|cookie| domain_of(cookie) == domain && cookie.name() != newest);
    let goes = of_domain.min_by_key(|cookie| (!cookie.is_expired(), cookie.is_persistent()));
    if let Some((path, name)) = goes.map(|cookie| (String::from(&*cookie.path), cookie.name().to_owned())) {
        let domain = domain.to_owned();
        store.remove(&domain, &path, &name);
    }
}

fn domain_of<'a>(cookie: &'a Cookie<'_>) -> &'a str {
    match &cookie.domain {
        CookieDomain::HostOnly(domain) | CookieDomain::Suffix(domain) => domain,
        CookieDomain::NotPresent | CookieDomain::Empty => "",
    }
}

impl fmt::Debug for Cookies {
    /// Without the cookies, which are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookies").field("len", &self.len()).finish_non_exhaustive()
    }
}
