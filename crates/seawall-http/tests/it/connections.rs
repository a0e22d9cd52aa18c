use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures_util::future::join_all;
use http::Version;
use seawall_core::{CallContext, FailureKind, Priority};
use seawall_http::{Http, HttpConfig, HttpVersion};
use tokio::sync::Semaphore;

use crate::support::{client, client_of, overtaken, serve};

const LARGE: usize = 100_000;
const HOUR: Duration = Duration::from_hours(1);

fn limited(max: u32) -> Http {
    client_of(&HttpConfig { max_connections_per_host: NonZeroU32::new(max), ..HttpConfig::default() })
}

/// Lets requests in at a gate, and counts the most that were there at once.
async fn gated() -> (String, Arc<Semaphore>, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (gate, now, most) =
        (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let parts = (Arc::clone(&gate), Arc::clone(&now), Arc::clone(&most));
    let url = serve(Router::new().route(
        "/",
        get(async move || {
            let (gate, now, most) = parts;
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            now.fetch_sub(1, Ordering::SeqCst);
            "done"
        }),
    ))
    .await;
    (url, gate, now, most)
}

#[tokio::test]
async fn ten_requests_are_under_way_at_a_host_and_the_others_wait_for_their_turn() {
    let (url, gate, now, most) = gated().await;
    let http = client();
    let calls: Vec<_> = (0..30).map(|_| tokio::spawn(http.get(&url).fetch_text())).collect();
    while now.load(Ordering::SeqCst) < 10 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(30);
    for call in join_all(calls).await {
        assert_eq!(call.unwrap().unwrap(), "done");
    }
    assert_eq!(most.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn a_response_holds_its_connection_until_it_is_read_or_dropped() {
    let url = serve(Router::new().route("/", get(async || "x".repeat(LARGE)))).await;
    let http = limited(1);

    let held = http.get(&url).send().await.unwrap();
    let call = http.get(&url).timeout(HOUR).send();
    let error = overtaken(call, async {}, HOUR).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused, "{error}");
    assert!(!error.may_have_executed());
    drop(held);

    let held = http.get(&url).send().await.unwrap();
    assert_eq!(held.into_body().collect(LARGE).await.unwrap().len(), LARGE);
    let mut body = http.get(&url).send().await.unwrap().into_body();
    while futures_util::StreamExt::next(&mut body).await.is_some() {}
    // Read to its end, it holds nothing, even while it is kept.
    assert!(http.get(&url).send().await.is_ok());
    drop(body);
}

#[tokio::test]
async fn a_short_response_that_is_kept_for_later_keeps_nobody_waiting() {
    let url = serve(Router::new().route("/", get(async || "short"))).await;
    let http = limited(1);
    let kept = join_all((0..5).map(|_| http.get(&url).send())).await;
    for response in kept {
        assert_eq!(response.unwrap().into_body().text(10).await.unwrap(), "short");
    }
}

#[tokio::test]
async fn an_urgent_call_goes_first() {
    let (url, gate, now, _) = gated().await;
    let http = limited(1);
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let call = |name: &'static str, priority: Priority| {
        let (request, order) = (http.get(&url), Arc::clone(&order));
        tokio::spawn(CallContext::default().priority(priority).scope(async move {
            request.fetch_text().await.unwrap();
            order.lock().unwrap().push(name);
        }))
    };
    let first = call("first", Priority::Background);
    while now.load(Ordering::SeqCst) < 1 {
        tokio::task::yield_now().await;
    }
    let background = call("background", Priority::Background);
    while http.targets()[0].in_flight < 2 {
        tokio::task::yield_now().await;
    }
    let critical = call("critical", Priority::Critical);
    while http.targets()[0].in_flight < 3 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(3);
    for call in [first, background, critical] {
        call.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), ["first", "critical", "background"]);
}

#[tokio::test]
async fn a_call_that_gives_up_leaves_its_place_to_the_next() {
    let (url, gate, now, _) = gated().await;
    let http = limited(1);
    let first = tokio::spawn(http.get(&url).fetch_text());
    while now.load(Ordering::SeqCst) < 1 {
        tokio::task::yield_now().await;
    }
    let given_up = tokio::spawn(http.get(&url).fetch_text());
    while http.targets()[0].in_flight < 2 {
        tokio::task::yield_now().await;
    }
    given_up.abort();
    let next = tokio::spawn(http.get(&url).fetch_text());
    gate.add_permits(2);
    assert_eq!(first.await.unwrap().unwrap(), "done");
    assert_eq!(next.await.unwrap().unwrap(), "done");
}

#[tokio::test]
async fn over_http_2_nobody_waits() {
    let (url, gate, now, most) = gated().await;
    let one = NonZeroU32::new(1);
    let config = HttpConfig {
        max_connections_per_host: one,
        http_version: HttpVersion::Http2,
        ..HttpConfig::default()
    };
    let http = client_of(&config);
    gate.add_permits(1);
    assert_eq!(http.get(&url).send().await.unwrap().version(), Version::HTTP_2);
    let calls: Vec<_> = (0..20).map(|_| tokio::spawn(http.get(&url).fetch_text())).collect();
    while now.load(Ordering::SeqCst) < 20 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(20);
    for call in join_all(calls).await {
        assert_eq!(call.unwrap().unwrap(), "done");
    }
    assert_eq!(most.load(Ordering::SeqCst), 20);
}
