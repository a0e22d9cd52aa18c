use std::fmt::Write as _;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::stored::Stored;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What the cache did with a request, as RFC 9211 tells it.
pub(super) struct CacheStatus(String);

/// Why a request went to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forward {
    /// It was none that a cache answers, or may not have been stored.
    Bypass,
    /// Its method is not GET or HEAD.
    Method,
    /// Nothing was stored under its URL.
    UriMiss,
    /// Only answers to other headers were.
    VaryMiss,
    /// What was stored had to be validated.
    Stale,
    /// The request wanted it so.
    Request,
}

impl Forward {
    const fn name(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
            Self::Request => "request",
        }
    }
}

impl CacheStatus {
    pub(super) fn hit() -> Self {
        Self("seawall; hit".to_owned())
    }

    /// There was nothing, and nobody was to be asked.
    pub(super) fn only_if_cached() -> Self {
        Self("seawall".to_owned()).detail("only-if-cached")
    }

    pub(super) fn forwarded(why: Forward) -> Self {
        Self(format!("seawall; fwd={}", why.name()))
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        write!(self.0, "; fwd-status={}", status.as_u16()).expect("a string takes everything");
        self
    }

    pub(super) fn stored(mut self) -> Self {
        self.0.push_str("; stored");
        self
    }

    pub(super) fn collapsed(mut self) -> Self {
        self.0.push_str("; collapsed");
        self
    }

    /// `detail` must be a token.
    pub(super) fn detail(mut self, detail: &'static str) -> Self {
        write!(self.0, "; detail={detail}").expect("a string takes everything");
        self
    }

    /// How long the answer is still fresh; below zero, how long it has not been.
    pub(super) fn ttl(mut self, stored: &Stored, now: SystemTime) -> Self {
        let written = match stored.freshness.stale_for(now) {
            None => write!(self.0, "; ttl={}", stored.freshness.left(now).as_secs()),
            Some(stale_for) => write!(self.0, "; ttl=-{}", stale_for.as_secs()),
        };
        written.expect("a string takes everything");
        self
    }

    /// Adds it after what caches nearer to the origin said.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        let value = HeaderValue::try_from(self.0).expect("it is made of header characters");
        headers.append(CACHE_STATUS, value);
    }
}
