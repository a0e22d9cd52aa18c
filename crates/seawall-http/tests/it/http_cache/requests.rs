//! What a request asks of the cache.

use http::StatusCode;
use seawall_http::http_cache::{CacheScope, HttpCacheConfig};

use seawall_http::{Credentials, HttpConfig};

use super::origin::{Answer, Origin, answer};
use crate::support::{client_of, serve};

async fn hour_long() -> Origin {
    Origin::start(async |seen| {
        let headers = [
            ("cache-control", "max-age=3600"),
            ("etag", "\"1\""),
            ("last-modified", "Fri, 15 Jan 2027 07:00:00 GMT"),
        ];
        answer(200, &headers, seen.number.to_string())
    })
    .await
}

#[tokio::test]
async fn no_cache_asks_the_origin_on_condition() {
    let origin = hour_long().await;
    origin.get("/").await;
    let answer = origin.get_with("/", &[("cache-control", "no-cache")]).await;
    assert_eq!(answer.cache_status(), "seawall; fwd=request; fwd-status=200; stored");
    assert_eq!(origin.requests()[1].headers["if-none-match"], "\"1\"");
    assert_eq!(origin.get("/").await.body, "2", "what came of it is stored");
    origin.get_with("/", &[("pragma", "no-cache")]).await;
    assert_eq!(origin.asked(), 3);
}

#[tokio::test]
async fn no_store_stores_nothing() {
    let origin = hour_long().await;
    origin.get_with("/", &[("cache-control", "no-store")]).await;
    assert_eq!(origin.get("/").await.body, "2");
    assert_eq!(origin.cache.stats().stored, 1);
}

#[tokio::test]
async fn only_if_cached_never_asks_the_origin() {
    let origin = hour_long().await;
    let nothing = origin.get_with("/", &[("cache-control", "only-if-cached")]).await;
    assert_eq!(nothing.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(nothing.cache_status(), "seawall; detail=only-if-cached");
    origin.get("/").await;
    let stored = origin.get_with("/", &[("cache-control", "only-if-cached")]).await;
    assert_eq!((stored.status, stored.body.as_str()), (StatusCode::OK, "1"));
    origin.clock.advance(3600);
    let stale = origin.get_with("/", &[("cache-control", "only-if-cached")]).await;
    assert_eq!(stale.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn max_age_min_fresh_and_max_stale_are_honoured_to_the_second() {
    let origin = hour_long().await;
    origin.get("/").await;
    origin.clock.advance(100);
    let asked_by = async |directive| {
        let before = origin.asked();
        let answer = origin.get_with("/", &[("cache-control", directive)]).await;
        // It is put back as it was, for the next question.
        if origin.asked() > before {
            origin.cache.clear();
            origin.get("/").await;
            origin.clock.advance(100);
        }
        (origin.asked() > before, answer)
    };
    assert!(!asked_by("max-age=100").await.0);
    assert!(asked_by("max-age=99").await.0);
    assert!(!asked_by("min-fresh=3500").await.0);
    assert!(asked_by("min-fresh=3501").await.0);
    assert!(asked_by("min-fresh=soon").await.0, "what cannot be understood asks for more than there is");
    origin.clock.advance(3510);
    let (asked, stale) = asked_by("max-stale=10").await;
    assert!(!asked);
    assert_eq!(stale.cache_status(), "seawall; hit; ttl=-10; detail=max-stale");
    assert!(!asked_by("max-stale").await.0);
    assert!(asked_by("max-stale=9").await.0);
}

#[tokio::test]
async fn a_range_passes_through() {
    let origin = Origin::start(async |seen| {
        if seen.headers.contains_key("range") {
            answer(206, &[("cache-control", "max-age=60"), ("content-range", "bytes 0-0/4")], "b")
        } else {
            answer(200, &[("cache-control", "max-age=60")], "body")
        }
    })
    .await;
    for _ in 0..2 {
        let part = origin.get_with("/", &[("range", "bytes=0-0")]).await;
        assert_eq!((part.status.as_u16(), part.body.as_str()), (206, "b"));
        assert_eq!(part.cache_status(), "seawall; fwd=bypass; fwd-status=206");
    }
    assert_eq!(origin.get("/").await.body, "body");
    assert_eq!(origin.get_with("/", &[("range", "bytes=0-0")]).await.body, "b");
    assert_eq!(origin.asked(), 4);
}

#[tokio::test]
async fn a_head_is_answered_by_what_a_get_brought_and_brings_nothing_itself() {
    let origin = hour_long().await;
    let head = async || {
        Answer::of(origin.http.head(format!("{}/", origin.url)).send().await.unwrap()).await.unwrap()
    };
    assert_eq!(head().await.cache_status(), "seawall; fwd=bypass; fwd-status=200");
    origin.get("/").await;
    let answer = head().await;
    assert_eq!((answer.body.as_str(), answer.header("content-length")), ("", "1"));
    assert_eq!(origin.asked(), 2);
}

#[tokio::test]
async fn a_client_that_has_it_already_gets_a_304() {
    let origin = hour_long().await;
    for (name, value) in [
        ("if-none-match", "W/\"1\""),
        ("if-none-match", "\"0\", \"1\""),
        ("if-none-match", "*"),
        ("if-modified-since", "Fri, 15 Jan 2027 07:00:00 GMT"),
    ] {
        let answer = origin.get_with("/", &[(name, value)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{name}: {value}");
        assert_eq!(answer.header("etag"), "\"1\"");
    }
    let answer = origin
        .get_with("/", &[("if-none-match", "\"2\""), ("if-modified-since", "Fri, 15 Jan 2027 07:00:00 GMT")])
        .await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "1"));
    assert_eq!(origin.asked(), 1, "the first of them brought it for the cache");
    assert!(!origin.requests()[0].headers.contains_key("if-none-match"));
}

#[tokio::test]
async fn a_condition_on_what_cannot_be_stored_goes_to_the_origin() {
    let origin = Origin::start(async |seen| match seen.headers.get("if-none-match") {
        Some(_) => answer(304, &[("etag", "\"1\"")], ""),
        None => answer(200, &[("cache-control", "no-store"), ("etag", "\"1\"")], "body"),
    })
    .await;
    let answer = origin.get_with("/", &[("if-none-match", "\"1\"")]).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_shared_cache_keeps_what_was_fetched_with_credentials_only_if_it_may_be_shared() {
    let origin = Origin::start(async |seen| {
        let said = match seen.path.as_str() {
            "/plain" => "max-age=60",
            "/private" => "private, max-age=60",
            "/public" => "public, max-age=60",
            "/must" => "must-revalidate, max-age=60",
            _ => "s-maxage=60",
        };
        answer(200, &[("cache-control", said)], seen.number.to_string())
    })
    .await;
    let twice = async |path: &str| {
        let first = origin.get_with(path, &[("authorization", "Bearer of-ada")]).await;
        let second = origin.get_with(path, &[("authorization", "Bearer of-bob")]).await;
        first.body == second.body
    };
    assert!(!twice("/plain").await);
    assert!(!twice("/private").await);
    assert!(twice("/public").await);
    assert!(twice("/must").await);
    assert!(twice("/s-maxage").await);
}

#[tokio::test]
async fn cookies_and_secrets_in_any_header_are_credentials_too() {
    let origin = hour_long().await;
    let mut secret = http::HeaderValue::from_static("key-of-ada");
    secret.set_sensitive(true);
    let url = format!("{}/", origin.url);
    for request in [
        origin.http.get(&url).header("x-api-key", secret.clone()),
        origin.http.get(&url).header("cookie", "a=1"),
    ] {
        Answer::of(request.send().await.unwrap()).await.unwrap();
    }
    assert_eq!(origin.cache.stats().stored, 0);

    let config = HttpCacheConfig { scope: CacheScope::Private, ..HttpCacheConfig::default() };
    let origin = Origin::with(&config, async |seen| {
        answer(200, &[("cache-control", "private, max-age=60")], seen.number.to_string())
    })
    .await;
    let url = format!("{}/", origin.url);
    for _ in 0..2 {
        let with_key = origin.http.get(&url).header("x-api-key", secret.clone()).send().await.unwrap();
        assert_eq!(Answer::of(with_key).await.unwrap().body, "1");
        assert_eq!(origin.get("/").await.body, "2");
    }
}

#[tokio::test]
async fn the_clients_own_credentials_are_credentials_though_the_cache_does_not_see_them() {
    for (said, asked) in [("max-age=3600", 2), ("public, max-age=3600", 1)] {
        let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&count);
        let url = serve(axum::Router::new().fallback(move |headers: http::HeaderMap| {
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            assert_eq!(headers["authorization"], "Bearer of-the-client");
            async move { answer(200, &[("cache-control", said)], "body") }
        }))
        .await;
        let mut config = HttpConfig { cache: Some(HttpCacheConfig::default()), ..HttpConfig::default() };
        config.credentials.by_origin.insert(url.clone(), Credentials::Bearer("of-the-client".into()));
        let http = client_of(&config);
        for _ in 0..2 {
            super::origin::get(&http, &url, &[]).await.unwrap();
        }
        assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), asked, "{said}");
    }
}

#[tokio::test]
async fn a_private_cache_tells_users_apart_all_the_same() {
    let config = HttpCacheConfig { scope: CacheScope::Private, ..HttpCacheConfig::default() };
    let origin = Origin::with(&config, async |seen| {
        answer(200, &[("cache-control", "private, max-age=60, s-maxage=0")], seen.number.to_string())
    })
    .await;
    for _ in 0..2 {
        assert_eq!(origin.get_with("/", &[("authorization", "Bearer of-ada")]).await.body, "1");
        assert_eq!(origin.get_with("/", &[("authorization", "Bearer of-bob")]).await.body, "2");
        assert_eq!(origin.get_with("/", &[("cookie", "session=carol")]).await.body, "3");
        assert_eq!(origin.get("/").await.body, "4");
    }
    let shown = format!("{:?}", origin.cache);
    assert!(!shown.contains("of-ada"), "{shown}");
}
