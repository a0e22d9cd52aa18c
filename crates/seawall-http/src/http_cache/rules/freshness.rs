//! How long a response is fresh, and how old it is (RFC 9111 §4.2).

use std::time::{Duration, SystemTime};

use http::header::{AGE, DATE, EXPIRES, HeaderMap, HeaderName, LAST_MODIFIED};
use http::{StatusCode, response};

use super::ResponseDirectives;
use super::directives::seconds;
use crate::http_cache::{CacheScope, HttpCacheConfig};

/// When a request was sent and its answer received, by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exchange {
    pub(crate) sent: SystemTime,
    pub(crate) received: SystemTime,
}

/// What of a response's age is decided when it is received.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Freshness {
    pub(crate) lifetime: Duration,
    initial_age: Duration,
    received: SystemTime,
}

impl Freshness {
    pub(crate) fn of(
        head: &response::Parts,
        directives: &ResponseDirectives,
        exchange: Exchange,
        rules: &HttpCacheConfig,
    ) -> Self {
        let headers = &head.headers;
        let date = date(headers, &DATE);
        Self {
            lifetime: lifetime(head, directives, date.unwrap_or(exchange.received), rules),
            initial_age: initial_age(headers, date, exchange),
            received: exchange.received,
        }
    }

    /// How old the response is. A clock that was set back makes it older, not younger.
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        let resident = now.duration_since(self.received).unwrap_or_else(|back| back.duration());
        self.initial_age.saturating_add(resident)
    }

    /// How long it is still fresh: nothing if it is not.
    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        self.lifetime.saturating_sub(self.age(now))
    }

    /// How long it has been stale; `None` while it is fresh.
    pub(crate) fn stale_for(&self, now: SystemTime) -> Option<Duration> {
        self.age(now).checked_sub(self.lifetime)
    }
}

/// §4.2.3: by its `Date` or by its `Age` and the time it was under way, whichever makes it older.
fn initial_age(headers: &HeaderMap, date: Option<SystemTime>, exchange: Exchange) -> Duration {
    let apparent = date.and_then(|date| exchange.received.duration_since(date).ok()).unwrap_or_default();
    let under_way = exchange.received.duration_since(exchange.sent).unwrap_or_default();
    // The first of several is the one that counts, and one that makes no sense is ignored (§5.1).
    let said = headers.get(AGE).and_then(|age| age.to_str().ok()).and_then(first_number).unwrap_or_default();
    apparent.max(said.saturating_add(under_way))
}

fn first_number(line: &str) -> Option<Duration> {
    seconds(line.split(',').next()?.trim())
}

/// §4.2.1 and §4.2.2.
fn lifetime(
    head: &response::Parts,
    directives: &ResponseDirectives,
    date: SystemTime,
    rules: &HttpCacheConfig,
) -> Duration {
    let headers = &head.headers;
    let shared = directives.s_maxage.filter(|_| rules.scope == CacheScope::Shared);
    if let Some(explicit) = shared.or(directives.max_age) {
        return explicit;
    }
    if headers.contains_key(EXPIRES) {
        // More than one, or one that is no date, has already passed.
        return only_date(headers, &EXPIRES)
            .and_then(|expires| expires.duration_since(date).ok())
            .unwrap_or_default();
    }
    if !directives.public && !is_heuristically_cacheable(head.status) {
        return Duration::ZERO;
    }
    only_date(headers, &LAST_MODIFIED)
        .and_then(|modified| date.duration_since(modified).ok())
        .map(|unchanged| unchanged.mul_f64(rules.heuristic_fraction).min(rules.max_heuristic))
        .unwrap_or_default()
}

/// RFC 9110 §15.1, without 206, which is not stored.
pub(super) const fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

fn only_date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let several = headers.get_all(name).iter().nth(1).is_some();
    if several { None } else { date(headers, name) }
}

pub(super) fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok()
}
