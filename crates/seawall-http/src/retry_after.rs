use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// Headers that say it in milliseconds: those of Azure and of what speaks like it, and that of AWS.
const IN_MILLISECONDS: [&str; 3] = ["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"];

/// How long a response asks to be left alone: its `Retry-After`, as seconds or as a date
/// ([RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)), or what it says in milliseconds, which
/// is more exact and goes first: `retry-after-ms`, `x-ms-retry-after-ms` or `x-amz-retry-after`.
///
/// A date is measured from the response's own `Date` where it has one, so that the two clocks need not agree, and
/// from `now` otherwise; a date in the past is zero. `None` without the header, or if it makes no sense.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT".parse().unwrap());
/// headers.insert("date", "Fri, 31 Dec 1999 23:59:29 GMT".parse().unwrap());
/// assert_eq!(seawall_http::retry_after(&headers, SystemTime::UNIX_EPOCH), Some(Duration::from_secs(30)));
/// ```
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let in_milliseconds =
        || IN_MILLISECONDS.iter().find_map(|name| whole_number(headers.get(*name)?.to_str().ok()?));
    if let Some(milliseconds) = in_milliseconds() {
        return Some(Duration::from_millis(milliseconds));
    }
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Some(seconds) = whole_number(value) {
        return Some(Duration::from_secs(seconds));
    }
    let value = value.trim();
    let until = httpdate::parse_http_date(value).ok()?;
    let since = date(headers).unwrap_or(now);
    Some(until.duration_since(since).unwrap_or(Duration::ZERO))
}

fn whole_number(value: &str) -> Option<u64> {
    let value = value.trim();
    // The grammar is digits only; `parse` alone would take a sign.
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // More than fits is as good as for ever.
    is_number.then(|| value.parse().unwrap_or(u64::MAX))
}

/// The response's own idea of what time it is.
pub(crate) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}
