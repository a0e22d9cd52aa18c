//! Many callers, one request.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use seawall_core::{CallContext, FailureKind};
use tokio::sync::{Barrier, Semaphore};
use tokio::time::Instant;

use super::origin::{Origin, answer};

/// A server that answers only when it is let.
async fn gated(headers: &'static [(&'static str, &'static str)], gate: &Arc<Semaphore>) -> Arc<Origin> {
    let gate = Arc::clone(gate);
    Arc::new(
        Origin::start(move |seen| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                answer(200, headers, seen.number.to_string())
            }
        })
        .await,
    )
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

fn spawn(
    origin: &Arc<Origin>,
    headers: &'static [(&'static str, &'static str)],
) -> tokio::task::JoinHandle<String> {
    let origin = Arc::clone(origin);
    tokio::spawn(async move { origin.get_with("/", headers).await.body })
}

#[tokio::test]
async fn many_callers_make_one_request() {
    let gate = Arc::new(Semaphore::new(0));
    let origin = gated(&[("cache-control", "max-age=60")], &gate).await;
    let callers: Vec<_> = (0..100).map(|_| spawn(&origin, &[])).collect();
    until(|| origin.cache.stats().collapsed == 99).await;
    gate.add_permits(1);
    for body in join_all(callers).await {
        assert_eq!(body.unwrap(), "1");
    }
    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_stops_nobody() {
    let gate = Arc::new(Semaphore::new(0));
    let origin = gated(&[("cache-control", "max-age=60")], &gate).await;
    let first = spawn(&origin, &[]);
    until(|| origin.asked() == 1).await;
    let second = spawn(&origin, &[]);
    until(|| origin.cache.stats().collapsed == 1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    assert_eq!(second.await.unwrap(), "1");
    assert_eq!(origin.get("/").await.body, "1");
    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn a_callers_deadline_is_its_own() {
    let gate = Arc::new(Semaphore::new(0));
    let origin = gated(&[("cache-control", "max-age=60")], &gate).await;
    // The deadline has passed, so that nothing here depends on how fast anything is.
    let context = CallContext::default().deadline(Instant::now().into_std() + Duration::from_millis(1));
    let error = context.scope(origin.try_get("/", &[])).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    gate.add_permits(1);
    assert_eq!(origin.get("/").await.body, "1");
    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn what_cannot_be_stored_lets_everybody_through_together() {
    // All that wait come at the same time, or nobody gets past: as many as have connections.
    let (gate, together) = (Arc::new(Semaphore::new(0)), Arc::new(Barrier::new(9)));
    let (first, rest) = (Arc::clone(&gate), Arc::clone(&together));
    let origin = Arc::new(
        Origin::start(move |seen| {
            let (first, rest) = (Arc::clone(&first), Arc::clone(&rest));
            async move {
                match seen.number {
                    1 => first.acquire().await.unwrap().forget(),
                    2..=10 => {
                        rest.wait().await;
                    }
                    _ => {}
                }
                answer(200, &[("cache-control", "no-store")], seen.number.to_string())
            }
        })
        .await,
    );
    let callers: Vec<_> = (0..10).map(|_| spawn(&origin, &[])).collect();
    until(|| origin.cache.stats().collapsed == 9).await;
    gate.add_permits(1);
    let mut bodies: Vec<usize> =
        join_all(callers).await.into_iter().map(|body| body.unwrap().parse().unwrap()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, (1..=10).collect::<Vec<_>>());

    // And it is remembered: nobody waits for anybody any more.
    join_all((0..5).map(|_| origin.get("/"))).await;
    assert_eq!(origin.cache.stats().collapsed, 9);
    origin.clock.advance(10);
    let _callers: Vec<_> = (0..2).map(|_| spawn(&origin, &[])).collect();
    until(|| origin.cache.stats().collapsed == 10).await;
}

#[tokio::test]
async fn callers_who_want_different_variants_each_get_their_own() {
    let gate = Arc::new(Semaphore::new(0));
    let waiting = Arc::clone(&gate);
    let origin = Arc::new(
        Origin::start(move |seen| {
            let gate = Arc::clone(&waiting);
            async move {
                gate.acquire().await.unwrap().forget();
                let language = seen.headers["accept-language"].to_str().unwrap().to_owned();
                answer(200, &[("cache-control", "max-age=60"), ("vary", "accept-language")], language)
            }
        })
        .await,
    );
    let french: Vec<_> = (0..5).map(|_| spawn(&origin, &[("accept-language", "fr")])).collect();
    let german: Vec<_> = (0..5).map(|_| spawn(&origin, &[("accept-language", "de")])).collect();
    until(|| origin.cache.stats().collapsed == 9).await;
    gate.add_permits(2);
    for (callers, language) in [(french, "fr"), (german, "de")] {
        for body in join_all(callers).await {
            assert_eq!(body.unwrap(), language);
        }
    }
    assert_eq!(origin.asked(), 2, "nobody knew before the first answer that there are two");
}

#[tokio::test]
async fn what_is_forgotten_while_it_is_fetched_is_not_stored() {
    let gate = Arc::new(Semaphore::new(0));
    let origin = gated(&[("cache-control", "max-age=60")], &gate).await;
    let reader = spawn(&origin, &[]);
    until(|| origin.asked() == 1).await;
    origin.cache.forget(&format!("{}/", origin.url).parse().unwrap());
    gate.add_permits(2);
    assert_eq!(reader.await.unwrap(), "1");
    assert_eq!(origin.get("/").await.body, "2", "the first answer may be older than the reason to forget it");
}

#[tokio::test]
async fn an_error_reaches_everybody_who_waits() {
    let gate = Arc::new(Semaphore::new(0));
    let waiting = Arc::clone(&gate);
    let clock = super::origin::Clock::new();
    let cache = super::origin::cache_of(&seawall_http::http_cache::HttpCacheConfig::default(), &clock);
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let http =
        seawall_http::Http::from_service(tower::service_fn(move |_: http::Request<seawall_http::Body>| {
            let (waiting, counter) = (Arc::clone(&waiting), Arc::clone(&counter));
            async move {
                counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                waiting.acquire().await.unwrap().forget();
                Err::<http::Response<seawall_http::Body>, _>(seawall_core::Error::new(
                    FailureKind::Overloaded { retry_after: None },
                    "http",
                    "origin",
                ))
            }
        }))
        .layer(seawall_http::http_cache::HttpCacheLayer::new(cache.clone()));
    let callers: Vec<_> = (0..10)
        .map(|_| {
            let http = http.clone();
            tokio::spawn(async move { http.get("http://a.example/").send().await.unwrap_err().kind() })
        })
        .collect();
    until(|| cache.stats().collapsed == 9).await;
    gate.add_permits(1);
    for kind in join_all(callers).await {
        assert_eq!(kind.unwrap(), FailureKind::Overloaded { retry_after: None });
    }
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_fetch_that_panics_is_an_error_and_blocks_nobody() {
    let clock = super::origin::Clock::new();
    let cache = super::origin::cache_of(&seawall_http::http_cache::HttpCacheConfig::default(), &clock);
    let http = seawall_http::Http::from_service(tower::service_fn(
        async |request: http::Request<seawall_http::Body>| {
            assert!(request.headers().contains_key("x-well"), "on purpose");
            Ok::<_, seawall_core::Error>(http::Response::new(seawall_http::Body::from("well")))
        },
    ))
    .layer(seawall_http::http_cache::HttpCacheLayer::new(cache));
    let error = http.get("http://a.example/").send().await.unwrap_err();
    assert_eq!(error.to_string(), "http `cache`: the fetch panicked, or its runtime shut down");
    let well = http.get("http://a.example/").header("x-well", "1").send().await.unwrap();
    assert_eq!(well.into_body().text(10).await.unwrap(), "well");
}

#[tokio::test]
async fn a_fetch_belongs_to_the_span_of_its_caller() {
    use tracing::Instrument;
    use tracing_subscriber::layer::SubscriberExt;

    let _subscriber = tracing::subscriber::set_default(
        tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().with_test_writer()),
    );
    let cache = super::origin::cache_of(
        &seawall_http::http_cache::HttpCacheConfig::default(),
        &super::origin::Clock::new(),
    );
    let http =
        seawall_http::Http::from_service(tower::service_fn(async |_: http::Request<seawall_http::Body>| {
            let name = tracing::Span::current().metadata().map_or("none", |span| span.name());
            Ok::<_, seawall_core::Error>(http::Response::new(seawall_http::Body::from(name)))
        }))
        .layer(seawall_http::http_cache::HttpCacheLayer::new(cache));
    let call =
        async { http.get("http://a.example/").send().await.unwrap().into_body().text(100).await.unwrap() };
    assert_eq!(call.instrument(tracing::info_span!("caller")).await, "caller");
}
