//! Whether a stored response may answer a request (RFC 9111 §4, §4.2.4; RFC 5861).

use std::time::{Duration, SystemTime};

use super::RequestDirectives;
use crate::http_cache::stored::Stored;
use crate::http_cache::{CacheScope, HttpCacheConfig};

/// What may be done with a stored response that matches a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// It is fresh.
    Fresh,
    /// It is stale, and the request says that it bears that.
    Stale,
    /// It is stale, and may be used while it is validated.
    WhileRevalidating,
    /// The origin has to be asked first.
    Validate,
}

pub(crate) fn may_be_used(
    stored: &Stored,
    wanted: &RequestDirectives,
    rules: &HttpCacheConfig,
    now: SystemTime,
) -> Reuse {
    let freshness = &stored.freshness;
    let young_enough = wanted.max_age.is_none_or(|most| freshness.age(now) <= most);
    let long_enough = wanted.min_fresh.is_none_or(|least| freshness.left(now) >= least);
    if stored.directives.no_cache || wanted.no_cache || !young_enough || !long_enough {
        return Reuse::Validate;
    }
    let Some(stale_for) = freshness.stale_for(now) else { return Reuse::Fresh };
    if !may_be_stale(stored, rules) {
        return Reuse::Validate;
    }
    if wanted.max_stale.is_some_and(|most| stale_for <= most) {
        return Reuse::Stale;
    }
    let window = stored.directives.stale_while_revalidate.or(rules.stale_while_revalidate);
    // Who says how fresh it has to be means it.
    if wanted.max_age.is_none() && wanted.min_fresh.is_none() && within(stale_for, window) {
        return Reuse::WhileRevalidating;
    }
    Reuse::Validate
}

/// Whether it may answer in place of an error (RFC 5861 §4).
pub(crate) fn may_stand_in_for_an_error(
    stored: &Stored,
    wanted: &RequestDirectives,
    rules: &HttpCacheConfig,
    now: SystemTime,
) -> bool {
    if stored.directives.no_cache || wanted.no_cache {
        return false;
    }
    let Some(stale_for) = stored.freshness.stale_for(now) else { return true };
    let window = wanted.stale_if_error.or(stored.directives.stale_if_error).or(rules.stale_if_error);
    may_be_stale(stored, rules) && within(stale_for, window)
}

/// §4.2.4: what forbids to use it past its time, whoever would allow it.
fn may_be_stale(stored: &Stored, rules: &HttpCacheConfig) -> bool {
    let said = &stored.directives;
    let shared = rules.scope == CacheScope::Shared;
    !said.must_revalidate && !(shared && (said.proxy_revalidate || said.s_maxage.is_some()))
}

fn within(stale_for: Duration, window: Option<Duration>) -> bool {
    window.is_some_and(|window| stale_for < window)
}
