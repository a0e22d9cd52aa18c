//! Bodies: whole or not stored, the same bytes, and never more memory than said.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{Request, Response};
use http_body_util::BodyExt;
use proptest::prelude::*;
use seawall_core::{Error, FailureKind};
use seawall_http::http_cache::{HttpCacheConfig, HttpCacheHandle, HttpCacheLayer};
use seawall_http::{Body, Http};
use tower::service_fn;

use super::origin::{Clock, cache_of, get};
use crate::support::{RawServer, Then, client_of};

const MEGABYTE: usize = 1_000_000;

/// A cached client of a service that makes a body anew for each request, and counts them.
fn cached<F>(config: &HttpCacheConfig, body: F) -> (Http, HttpCacheHandle, Arc<AtomicUsize>)
where
    F: Fn() -> Body + Clone + Send + Sync + 'static,
{
    let cache = cache_of(config, &Clock::new());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let origin = service_fn(move |_: Request<Body>| {
        counter.fetch_add(1, Ordering::SeqCst);
        let response = Response::builder().header("cache-control", "max-age=60").body(body()).unwrap();
        async move { Ok::<_, Error>(response) }
    });
    (Http::from_service(origin).layer(HttpCacheLayer::new(cache.clone())), cache, asked)
}

#[tokio::test]
async fn a_body_too_large_goes_through_without_being_held() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let config = HttpCacheConfig { max_body: 3 * MEGABYTE as u64, ..HttpCacheConfig::default() };
    let (http, cache, asked) = cached(&config, move || {
        let counter = Arc::clone(&counter);
        let chunks = (0..100).map(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Error>(Bytes::from(vec![b'x'; MEGABYTE]))
        });
        Body::from_stream(stream::iter(chunks))
    });
    let mut body = http.get("http://a.example/").send().await.unwrap().into_body();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(made.load(Ordering::SeqCst), 4, "it is read no further than it takes to know");
    let mut read = 0;
    while let Some(chunk) = body.try_next().await.unwrap() {
        read += chunk.len();
    }
    assert_eq!(read, 100 * MEGABYTE);
    assert_eq!(cache.stats().stored, 0);
    drop(http.get("http://a.example/").send().await.unwrap());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_body_that_says_that_it_is_too_large_is_not_read_at_all() {
    let config = HttpCacheConfig { max_body: 10, ..HttpCacheConfig::default() };
    let (http, cache, _) = cached(&config, || Body::from("more than ten bytes"));
    let answer = get(&http, "http://a.example/", &[]).await.unwrap();
    assert_eq!(answer.body, "more than ten bytes");
    assert_eq!(answer.cache_status(), "seawall; fwd=uri-miss; fwd-status=200");
    assert_eq!(cache.stats().stored, 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_is_not_stored() {
    const BROKEN: &str =
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 100\r\n\r\nhalf of it";
    const WHOLE: &str = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 5\r\n\r\nwhole";
    let server = RawServer::start(&[Then::Close(BROKEN), Then::Reset(BROKEN), Then::Close(WHOLE)]).await;
    let cache = cache_of(&HttpCacheConfig::default(), &Clock::new());
    let http = client_of(&seawall_http::HttpConfig::default()).layer(HttpCacheLayer::new(cache.clone()));
    let url = format!("{}/", server.url());
    for _ in 0..2 {
        let error = get(&http, &url, &[]).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Transient, "{error}");
        assert_eq!(cache.stats().stored, 0);
    }
    assert_eq!(get(&http, &url, &[]).await.unwrap().body, "whole");
    assert_eq!(get(&http, &url, &[]).await.unwrap().body, "whole");
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_it_said_is_not_stored() {
    let cache = cache_of(&HttpCacheConfig::default(), &Clock::new());
    let origin = service_fn(async |_: Request<Body>| {
        let short = Body::from_stream(stream::iter([Ok::<_, Error>(Bytes::from_static(b"short"))]));
        let response =
            Response::builder().header("cache-control", "max-age=60").header("content-length", "500");
        Ok::<_, Error>(response.body(short).unwrap())
    });
    let http = Http::from_service(origin).layer(HttpCacheLayer::new(cache.clone()));
    get(&http, "http://a.example/", &[]).await.unwrap();
    assert_eq!(cache.stats().stored, 0);
}

#[tokio::test]
async fn a_caller_that_stops_reading_leaves_the_rest_for_the_others() {
    let (http, cache, asked) = cached(&HttpCacheConfig::default(), || {
        let chunks = ["one", "two"].map(|chunk| Ok::<_, Error>(Bytes::from(chunk)));
        Body::from_stream(stream::iter(chunks).then(async |chunk| {
            tokio::task::yield_now().await;
            chunk
        }))
    });
    let mut body = http.get("http://a.example/").send().await.unwrap().into_body();
    assert_eq!(body.try_next().await.unwrap().unwrap(), "one");
    drop(body);
    while cache.stats().stored == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&http, "http://a.example/", &[]).await.unwrap().body, "onetwo");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_its_callers_alone() {
    let config = HttpCacheConfig { fetch_timeout: Duration::from_secs(5), ..HttpCacheConfig::default() };
    let (http, cache, _) = cached(&config, || {
        Body::from_stream(stream::iter(0..10).then(async |number| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Error>(Bytes::from(number.to_string()))
        }))
    });
    let answer = get(&http, "http://a.example/", &[]).await.unwrap();
    assert_eq!(answer.body, "0123456789");
    assert_eq!(cache.stats().stored, 0);
}

#[tokio::test]
async fn trailers_reach_the_caller_and_are_not_stored() {
    let (http, ..) = cached(&HttpCacheConfig::default(), || {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-checksum", "1".parse().unwrap());
        Body::new(http_body_util::Full::new(Bytes::from("body")).with_trailers(async { Some(Ok(trailers)) }))
    });
    let first = http.get("http://a.example/").send().await.unwrap().into_body();
    let first = BodyExt::collect(first).await.unwrap();
    assert_eq!(first.trailers().unwrap()["x-checksum"], "1");
    let second = http.get("http://a.example/").send().await.unwrap().into_body();
    let second = BodyExt::collect(second).await.unwrap();
    assert!(second.trailers().is_none());
    assert_eq!(second.to_bytes(), "body");
}

proptest! {
    #[test]
    fn bodies_are_the_same_bytes_however_they_come(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12),
        limit in 1..1500_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let whole = chunks.concat();
            let config = HttpCacheConfig { max_body: limit, ..HttpCacheConfig::default() };
            let (http, cache, asked) = cached(&config, move || {
                Body::from_stream(stream::iter(chunks.clone().into_iter().map(|chunk| Ok::<_, Error>(chunk.into()))))
            });
            for _ in 0..3 {
                let body = http.get("http://a.example/").send().await.unwrap().into_body();
                assert_eq!(body.collect(100_000).await.unwrap(), whole);
            }
            let fits = whole.len() as u64 <= limit;
            assert_eq!(cache.stats().stored, u64::from(fits));
            assert_eq!(asked.load(Ordering::SeqCst), if fits { 1 } else { 3 });
        });
    }

    #[test]
    fn what_is_stored_never_weighs_more_than_its_capacity(sizes in prop::collection::vec(0..40_000_usize, 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let config = HttpCacheConfig { capacity: 100_000.try_into().unwrap(), max_body: 30_000, ..HttpCacheConfig::default() };
            let cache = cache_of(&config, &Clock::new());
            let origin = service_fn(async |request: Request<Body>| {
                let size: usize = request.uri().query().unwrap().parse().unwrap();
                let response = Response::builder().header("cache-control", "max-age=60").header("vary", "x-variant");
                Ok::<_, Error>(response.body(Body::from(vec![b'x'; size])).unwrap())
            });
            let http = Http::from_service(origin).layer(HttpCacheLayer::new(cache.clone()));
            for (number, size) in sizes.iter().enumerate() {
                let variant = number.to_string();
                let url = format!("http://a.example/{}?{size}", number % 3);
                get(&http, &url, &[("x-variant", &variant)]).await.unwrap();
                assert!(cache.stats().weight <= 100_000);
            }
        });
    }
}
