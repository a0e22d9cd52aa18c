//! The directives of `Cache-Control` (RFC 9111 §5.2, RFC 5861), read so that a doubt never lets more be cached.

use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, PRAGMA};

/// What a response says about keeping it.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "they are what a header says, each for itself")]
pub(crate) struct ResponseDirectives {
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) private: bool,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) max_age: Option<Duration>,
    pub(crate) s_maxage: Option<Duration>,
    pub(crate) stale_while_revalidate: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
}

/// What a request asks of the cache.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RequestDirectives {
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) max_age: Option<Duration>,
    pub(crate) min_fresh: Option<Duration>,
    /// How far past its time an answer may be; [`Duration::MAX`] without a value.
    pub(crate) max_stale: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
}

impl ResponseDirectives {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut all = Self::default();
        let readable = each(headers, |name, value| match name {
            "no-store" => all.no_store = true,
            // With names of fields they forbid less; that they forbid everything is the safe reading.
            "no-cache" => all.no_cache = true,
            "private" => all.private = true,
            "public" => all.public = true,
            "must-revalidate" => all.must_revalidate = true,
            "proxy-revalidate" => all.proxy_revalidate = true,
            "must-understand" => all.must_understand = true,
            "max-age" => shorten(&mut all.max_age, value),
            "s-maxage" => shorten(&mut all.s_maxage, value),
            "stale-while-revalidate" => shorten(&mut all.stale_while_revalidate, value),
            "stale-if-error" => shorten(&mut all.stale_if_error, value),
            _ => {}
        });
        // What cannot be read may forbid anything.
        all.no_store |= !readable;
        all.no_cache |= pragma_no_cache(headers);
        all
    }
}

impl RequestDirectives {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut all = Self::default();
        let readable = each(headers, |name, value| match name {
            "no-store" => all.no_store = true,
            "no-cache" => all.no_cache = true,
            "only-if-cached" => all.only_if_cached = true,
            "max-age" => shorten(&mut all.max_age, value),
            "min-fresh" => {
                // Not to be understood, it asks for more than anything has.
                let least = value.and_then(seconds).unwrap_or(Duration::MAX);
                all.min_fresh = all.min_fresh.max(Some(least));
            }
            "max-stale" if value.is_none() => all.max_stale = all.max_stale.or(Some(Duration::MAX)),
            "max-stale" => shorten(&mut all.max_stale, value),
            "stale-if-error" => shorten(&mut all.stale_if_error, value),
            _ => {}
        });
        all.no_store |= !readable;
        all.no_cache |= pragma_no_cache(headers);
        all
    }
}

/// A directive that comes twice means the shorter of its times, and one that cannot be understood means none at all
/// (RFC 9111 §4.2.1).
fn shorten(time: &mut Option<Duration>, value: Option<&str>) {
    let new = value.and_then(seconds).unwrap_or(Duration::ZERO);
    *time = Some(time.map_or(new, |old| old.min(new)));
}

/// Digits only; what overflows is 2³¹ seconds (RFC 9111 §1.2.2).
pub(super) fn seconds(value: &str) -> Option<Duration> {
    const MOST: u64 = 1 << 31;
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(MOST).min(MOST)))
}

/// HTTP/1.0's word for `no-cache`, which counts only where there is no `Cache-Control` (RFC 9111 §5.4).
fn pragma_no_cache(headers: &HeaderMap) -> bool {
    !headers.contains_key(CACHE_CONTROL)
        && headers.get_all(PRAGMA).iter().any(|line| {
            line.as_bytes().split(|&byte| byte == b',').any(|item| {
                item.trim_ascii().get(..8).is_some_and(|item| item.eq_ignore_ascii_case(b"no-cache"))
            })
        })
}

/// Goes through all directives of all lines, names in lower case. `false` says that some line is no text.
fn each(headers: &HeaderMap, mut take: impl FnMut(&str, Option<&str>)) -> bool {
    headers.get_all(CACHE_CONTROL).iter().map(HeaderValue::to_str).fold(true, |readable, line| {
        let Ok(line) = line else { return false };
        for item in outside_quotes(line) {
            let (name, value) = match item.split_once('=') {
                Some((name, value)) => (name, Some(value.trim().trim_matches('"').trim())),
                None => (item, None),
            };
            take(&name.trim().to_ascii_lowercase(), value);
        }
        readable
    })
}

/// Splits at the commas that do not stand within quotes.
fn outside_quotes(line: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    line.split(move |character: char| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    })
    .map(str::trim)
    .filter(|item| !item.is_empty())
}
