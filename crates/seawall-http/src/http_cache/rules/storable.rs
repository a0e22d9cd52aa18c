//! Which requests ask the cache, and which responses may be stored (RFC 9111 §3).

use http::header::{
    AUTHORIZATION, COOKIE, EXPIRES, HeaderMap, HeaderValue, IF_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
    SET_COOKIE, UPGRADE,
};
use http::{Method, Request, StatusCode, response};
use http_body::Body;

use super::ResponseDirectives;
use super::freshness::is_heuristically_cacheable;
use crate::http_cache::{CacheScope, HttpCacheConfig};
use crate::response::Proven;

/// Whether a stored response could answer the request at all: parts of a body, changes of protocol and conditions that
/// only the origin can decide are not for a cache.
pub(crate) fn asks_the_cache<B: Body>(request: &Request<B>) -> bool {
    const FOR_THE_ORIGIN: [http::HeaderName; 5] = [RANGE, IF_RANGE, IF_MATCH, IF_UNMODIFIED_SINCE, UPGRADE];
    matches!(*request.method(), Method::GET | Method::HEAD)
        && request.body().is_end_stream()
        && !FOR_THE_ORIGIN.iter().any(|name| request.headers().contains_key(name))
}

/// Whether the response to a GET may be stored. `Vary` is not looked at here.
pub(crate) fn may_be_stored(
    request: &HeaderMap,
    head: &response::Parts,
    said: &ResponseDirectives,
    rules: &HttpCacheConfig,
) -> bool {
    let shared = rules.scope == CacheScope::Shared;
    let understood = is_understood(head.status);
    let forbidden = match (said.must_understand, understood) {
        (true, false) => true,
        // It says that `no-store` is for those who do not understand (§5.2.2.3).
        (true, true) => false,
        (false, _) => said.no_store,
    };
    if forbidden || is_partial(head.status) || (shared && said.private) {
        return false;
    }
    if shared && (shows_who_asks(request) || head.extensions.get::<Proven>().is_some()) {
        // §3.5, of whatever shows who asks.
        let allowed = said.public || said.must_revalidate || said.s_maxage.is_some();
        if !allowed {
            return false;
        }
    }
    // The RFC lets it be stored; then one user's session would be every user's.
    if shared && head.headers.contains_key(SET_COOKIE) && !said.public {
        return false;
    }
    said.public
        || said.private
        || said.max_age.is_some()
        || (shared && said.s_maxage.is_some())
        || head.headers.contains_key(EXPIRES)
        || is_heuristically_cacheable(head.status)
}

/// Whether a request has credentials: an `Authorization`, a `Cookie`, or anything that is marked as a secret.
fn shows_who_asks(request: &HeaderMap) -> bool {
    request.contains_key(AUTHORIZATION)
        || request.contains_key(COOKIE)
        || request.values().any(HeaderValue::is_sensitive)
}

/// Statuses whose meaning for a cache we know. Others may be stored only where that is explicit.
fn is_understood(status: StatusCode) -> bool {
    is_heuristically_cacheable(status) || matches!(status.as_u16(), 302 | 303 | 307)
}

fn is_partial(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED)
}
