use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName};

use super::headers;

/// How much of a quota a response says is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many requests are left.
    pub remaining: u64,
    /// How long until there are more, if it says so.
    pub reset: Option<Duration>,
}

/// The tightest quota that the headers of a response speak of: the one that is spent for the longest, or else the one
/// with the least left.
///
/// Read are, the first of these that makes sense:
///
/// | header | as |
/// |---|---|
/// | `RateLimit: "hour";r=0;t=1800` | the IETF's [draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/) (version 8 and later), and `limit=10, remaining=0, reset=1800` as version 7 had it |
/// | `RateLimit-Remaining`, `RateLimit-Reset` | its earlier versions |
/// | `X-RateLimit-Remaining`, `X-RateLimit-Reset-After` or `X-RateLimit-Reset` | what came before it; `X-Rate-Limit-…` too |
///
/// A reset is in seconds, or it is a time: of the Unix clock in seconds (GitHub) or milliseconds, which are numbers too
/// large for a wait, or an HTTP date. A time is measured from the response's own `Date` where it has one, so that the
/// two clocks need not agree, and from `now` otherwise; one in the past is zero. What makes no sense is ignored.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use seawall_http::{Quota, quota};
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("ratelimit", r#""minute";r=12;t=30, "hour";r=0;t=1800"#.parse().unwrap());
/// let spent = Quota { remaining: 0, reset: Some(Duration::from_secs(1800)) };
/// assert_eq!(quota(&headers, SystemTime::UNIX_EPOCH), Some(spent));
/// ```
pub fn quota(headers: &HeaderMap, now: SystemTime) -> Option<Quota> {
    headers::structured(headers).or_else(|| FAMILIES.iter().find_map(|family| family.read(headers, now)))
}

impl Quota {
    /// How long there is nothing left, if there is nothing left and it says when there will be.
    pub fn wait(self) -> Option<Duration> {
        self.reset.filter(|reset| self.remaining == 0 && !reset.is_zero())
    }

    /// What orders quotas by how tight they are: the tightest is the greatest.
    pub(super) fn tightness(self) -> (bool, Option<Duration>, std::cmp::Reverse<u64>) {
        let is_spent = self.remaining == 0;
        (is_spent, self.reset.filter(|_| is_spent), std::cmp::Reverse(self.remaining))
    }
}

/// Whether any header begins like those of the table. Few responses have one, and looking for each of them would cost
/// every response as much as reading it.
pub(super) fn may_be_said(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .map(HeaderName::as_str)
        .any(|name| name.starts_with("ratelimit") || name.starts_with("x-rate"))
}

/// Headers that belong together.
struct Family {
    remaining: HeaderName,
    /// Always a wait.
    reset_after: Option<HeaderName>,
    /// A wait or a time.
    reset: HeaderName,
}

static FAMILIES: [Family; 3] = [
    Family {
        remaining: HeaderName::from_static("ratelimit-remaining"),
        reset_after: None,
        reset: HeaderName::from_static("ratelimit-reset"),
    },
    Family {
        remaining: HeaderName::from_static("x-ratelimit-remaining"),
        reset_after: Some(HeaderName::from_static("x-ratelimit-reset-after")),
        reset: HeaderName::from_static("x-ratelimit-reset"),
    },
    Family {
        remaining: HeaderName::from_static("x-rate-limit-remaining"),
        reset_after: None,
        reset: HeaderName::from_static("x-rate-limit-reset"),
    },
];

impl Family {
    fn read(&self, headers: &HeaderMap, now: SystemTime) -> Option<Quota> {
        let remaining = headers.get(&self.remaining)?.to_str().ok()?;
        let remaining = headers::number(remaining.trim())? as u64;
        let after = self.reset_after.as_ref().and_then(|name| headers::wait(headers.get(name)?));
        let reset = after.or_else(|| headers::wait_or_time(headers.get(&self.reset)?, headers, now));
        Some(Quota { remaining, reset })
    }
}
