//! A server that counts, a clock that is turned by hand, and a cache in front.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::Request;
use http::{HeaderMap, Response, StatusCode};
use seawall_core::Error;
use seawall_http::http_cache::{HttpCacheConfig, HttpCacheHandle, HttpCacheLayer};
use seawall_http::{Body, Http};
use seawall_tower::Identity;

use crate::support::{client, serve};

/// Some day in 2027, turned on by hand.
#[derive(Clone)]
pub(super) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000)))
    }

    pub(super) fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn turn_back(&self, seconds: u64) {
        self.0.fetch_sub(seconds, Ordering::SeqCst);
    }

    pub(super) fn date(&self, ago: u64) -> String {
        httpdate::fmt_http_date(self.now() - Duration::from_secs(ago))
    }
}

pub(super) fn cache_of(config: &HttpCacheConfig, clock: &Clock) -> HttpCacheHandle {
    let clock = clock.clone();
    HttpCacheHandle::with_clock(Identity::new("test"), config, move || clock.now()).unwrap()
}

/// A server on the loopback, and a client with a cache in front of it.
pub(super) struct Origin {
    pub(super) url: String,
    pub(super) http: Http,
    pub(super) cache: HttpCacheHandle,
    pub(super) clock: Clock,
    requests: Arc<Mutex<Vec<Seen>>>,
}

/// A request that the server was sent.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) number: usize,
    pub(super) method: http::Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
}

impl Origin {
    pub(super) async fn start<F>(answer: impl Fn(Seen) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<axum::body::Body>> + Send + 'static,
    {
        Self::with(&HttpCacheConfig::default(), answer).await
    }

    pub(super) async fn with<F>(
        config: &HttpCacheConfig,
        answer: impl Fn(Seen) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<axum::body::Body>> + Send + 'static,
    {
        let clock = Clock::new();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, dates) = (Arc::clone(&requests), clock.clone());
        let router = Router::new().fallback(move |request: Request| {
            let seen = {
                let mut log = log.lock().unwrap();
                let seen = Seen {
                    number: log.len() + 1,
                    method: request.method().clone(),
                    path: request.uri().path().to_owned(),
                    headers: request.headers().clone(),
                };
                log.push(seen.clone());
                seen
            };
            let (answer, dates) = (answer(seen), dates.clone());
            async move {
                let mut response = answer.await;
                // The server lives on the same day as the cache.
                response.headers_mut().insert("date", dates.date(0).parse().unwrap());
                response
            }
        });
        let url = serve(router).await;
        let cache = cache_of(config, &clock);
        let http = client().layer(HttpCacheLayer::new(cache.clone()));
        Self { url, http, cache, clock, requests }
    }

    pub(super) fn requests(&self) -> Vec<Seen> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn asked(&self) -> usize {
        self.requests().len()
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(super) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.try_get(path, headers).await.unwrap()
    }

    pub(super) async fn try_get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, Error> {
        get(&self.http, &format!("{}{path}", self.url), headers).await
    }
}

pub(super) async fn get(http: &Http, url: &str, headers: &[(&str, &str)]) -> Result<Answer, Error> {
    let request = headers.iter().fold(http.get(url), |request, (name, value)| request.header(*name, *value));
    Answer::of(request.send().await?).await
}

/// A response, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) async fn of(response: Response<Body>) -> Result<Self, Error> {
        let (head, body) = response.into_parts();
        Ok(Self { status: head.status, headers: head.headers, body: body.text(10_000_000).await? })
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn cache_status(&self) -> &str {
        self.header("cache-status")
    }
}

/// A response of the server.
pub(super) fn answer(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<axum::body::Body>,
) -> Response<axum::body::Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}
