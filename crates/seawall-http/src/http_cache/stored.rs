use std::time::SystemTime;

use bytes::Bytes;
use http::header::AGE;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Version, response};
use seawall_cache::Weigh;

use super::HttpCacheConfig;
use super::rules::{Exchange, Freshness, ResponseDirectives, detached};
use crate::Body;

/// A response that is kept, and what was decided about it when it came.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) status: StatusCode,
    version: Version,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) directives: ResponseDirectives,
    pub(super) freshness: Freshness,
}

impl Stored {
    pub(super) fn new(
        head: &response::Parts,
        body: Bytes,
        exchange: Exchange,
        rules: &HttpCacheConfig,
    ) -> Self {
        let directives = ResponseDirectives::of(&head.headers);
        Self {
            status: head.status,
            version: head.version,
            headers: detached(&head.headers),
            body,
            freshness: Freshness::of(head, &directives, exchange, rules),
            directives,
        }
    }

    /// The head as it was received, for a 304 to change.
    pub(super) fn head_with(&self, headers: HeaderMap) -> response::Parts {
        let mut head = Response::new(()).into_parts().0;
        head.status = self.status;
        head.version = self.version;
        head.headers = headers;
        head
    }

    /// What a request gets that is answered with this.
    pub(super) fn to_response(&self, now: SystemTime) -> Response<Body> {
        let mut headers = self.headers.clone();
        headers.insert(AGE, HeaderValue::from(self.freshness.age(now).as_secs()));
        Response::from_parts(self.head_with(headers), Body::from(self.body.clone()))
    }

    /// Whether it can answer anybody after the one it was fetched for, without asking the origin each time.
    pub(super) fn answers_others(&self) -> bool {
        !self.directives.no_cache && !self.freshness.lifetime.is_zero()
    }
}

impl Weigh for Stored {
    fn weight(&self) -> u64 {
        const PER_HEADER: usize = 64;
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + PER_HEADER).sum();
        (size_of::<Self>() + headers + self.body.len()) as u64
    }
}
