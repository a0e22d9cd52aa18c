use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, Response};
use seawall_http::HttpConfig;
use seawall_http::http_cache::HttpCacheConfig;
use seawall_http::reconnect::{Incoming, ReconnectConfig};
use seawall_http::sse::SseConfig;
use seawall_testkit::proxy::{Direction, Fault, FaultProxy, Faults, Rule};

use crate::support::{client, serve};

/// Soon again: what waits do is tested where time stands still.
fn soon() -> SseConfig {
    let reconnect = ReconnectConfig { first_wait: Duration::from_millis(1), ..ReconnectConfig::default() };
    SseConfig { reconnect, ..SseConfig::default() }
}

fn event_stream(
    events: impl futures_util::Stream<Item = String> + Send + 'static,
) -> Response<axum::body::Body> {
    let body = axum::body::Body::from_stream(events.map(|event| Ok::<_, Infallible>(Bytes::from(event))));
    Response::builder().header("content-type", "text/event-stream; charset=utf-8").body(body).unwrap()
}

fn numbered(number: usize) -> String {
    format!("retry: 1\nid: {number}\ndata: event {number}\n\n")
}

/// A server that has the events 1 to 30, sends those after the last id, a few for each connection, and then says that
/// there are no more.
async fn server_of_thirty(a_connection: usize) -> (String, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let url = serve(Router::new().route(
        "/",
        get(async move |headers: HeaderMap| {
            counter.fetch_add(1, Ordering::SeqCst);
            assert!(!headers.contains_key("grpc-timeout"), "an attempt's time is not the stream's");
            let last: usize =
                headers.get("last-event-id").map_or(0, |id| id.to_str().unwrap().parse().unwrap());
            if last == 30 {
                return Response::builder().status(204).body(axum::body::Body::empty()).unwrap();
            }
            let until = (last + a_connection).min(30);
            event_stream(stream::iter((last + 1..=until).map(numbered)))
        }),
    ))
    .await;
    (url, connections)
}

#[tokio::test]
async fn a_server_that_closes_is_asked_for_what_comes_after_the_last_event_until_there_is_no_more() {
    let (url, connections) = server_of_thirty(7).await;
    let events = client().get(&url).events(&soon()).unwrap();
    let incoming: Vec<_> = events.try_collect().await.unwrap();
    let mut expected = 0;
    let mut gaps = 0;
    for incoming in incoming {
        match incoming {
            Incoming::Item(event) => {
                expected += 1;
                assert_eq!(event.data, format!("event {expected}"));
                assert_eq!(event.id, Some(expected.to_string()));
            }
            Incoming::Reconnected(gap) => {
                gaps += 1;
                assert_eq!((gap.attempts, gap.may_have_missed), (1, false));
                assert_eq!(gap.resumed_from, Some(expected.to_string()));
            }
        }
    }
    assert_eq!((expected, gaps), (30, 4));
    assert_eq!(connections.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn on_a_bad_network_every_event_comes_once_and_in_order() {
    let (url, _) = server_of_thirty(30).await;
    let proxy = FaultProxy::start(url.strip_prefix("http://").unwrap().parse().unwrap(), 7).await.unwrap();
    // Cut in the middle of some event, again and again; each connection gets a little further.
    let cut = Fault::ResetAfter { direction: Direction::Down, after: 400 };
    let truncated = Fault::Truncate { direction: Direction::Down, after: 500 };
    proxy.set(
        Faults::none()
            .with(cut, Rule::Numbered(0..3))
            .with(truncated, Rule::Numbered(3..5))
            .with(Fault::Reset, Rule::Numbered(5..7)),
    );
    let mut events = client().get(format!("http://{}/", proxy.addr())).events(&soon()).unwrap();
    let (mut seen, mut gaps) = (Vec::new(), 0);
    while let Some(incoming) = events.try_next().await.unwrap() {
        match incoming {
            Incoming::Item(event) => seen.push(event.data),
            Incoming::Reconnected(_) => gaps += 1,
        }
    }
    assert_eq!(seen, (1..=30).map(|number| format!("event {number}")).collect::<Vec<_>>());
    assert!(gaps >= 2, "{gaps}");
}

#[tokio::test]
async fn a_server_that_went_away_and_came_back_is_found_again() {
    let (url, _) = server_of_thirty(10).await;
    let proxy = FaultProxy::start(url.strip_prefix("http://").unwrap().parse().unwrap(), 7).await.unwrap();
    let mut config = HttpConfig { pool_max_idle_per_host: 0, ..HttpConfig::default() };
    config.pipeline.retry.max_attempts = 1.try_into().unwrap();
    let http = crate::support::client_of(&config);
    let mut events = http.get(format!("http://{}/", proxy.addr())).events(&soon()).unwrap();
    for _ in 0..10 {
        assert!(matches!(events.try_next().await.unwrap(), Some(Incoming::Item(_))));
    }
    proxy.set(Faults::always(Fault::Reset));
    let next = tokio::spawn(async move { events.try_next().await.unwrap().unwrap() });
    while proxy.injected(seawall_testkit::proxy::FaultKind::Reset) < 3 {
        tokio::task::yield_now().await;
    }
    proxy.set(Faults::none());
    let Incoming::Reconnected(gap) = next.await.unwrap() else { panic!() };
    assert!(gap.attempts > 1, "{gap:?}");
    assert_eq!(gap.resumed_from.as_deref(), Some("10"));
}

#[tokio::test]
async fn a_stream_through_a_cache_is_not_stored() {
    let (url, connections) = server_of_thirty(30).await;
    let config = HttpConfig { cache: Some(HttpCacheConfig::default()), ..HttpConfig::default() };
    let http = crate::support::client_of(&config);
    for _ in 0..2 {
        let events: Vec<_> = http.get(&url).events(&soon()).unwrap().try_collect().await.unwrap();
        assert_eq!(events.len(), 30);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 4);
}
