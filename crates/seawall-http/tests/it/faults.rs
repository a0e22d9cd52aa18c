//! Through a proxy that does what networks do.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use seawall_core::FailureKind;
use seawall_http::HttpConfig;
use seawall_testkit::proxy::{Direction, Fault, FaultKind, FaultProxy, Faults, Rule};

use crate::support::{client, client_of, serve};

const SIZE: usize = 1_000_000;

async fn proxied() -> (FaultProxy, String) {
    let url = serve(Router::new().route("/", get(async || "x".repeat(SIZE)).post(async || "done"))).await;
    let server: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let proxy = FaultProxy::start(server, 7).await.unwrap();
    let url = format!("http://{}", proxy.addr());
    (proxy, url)
}

#[tokio::test]
async fn a_get_survives_the_reset_of_the_connection_it_would_have_used_again() {
    let (proxy, url) = proxied().await;
    let http = client();
    assert_eq!(http.get(&url).send().await.unwrap().into_body().collect(SIZE).await.unwrap().len(), SIZE);
    proxy.set(Faults::none().with(Fault::Reset, Rule::Numbered(0..1)));
    assert_eq!(http.get(&url).send().await.unwrap().into_body().collect(SIZE).await.unwrap().len(), SIZE);
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test]
async fn a_large_body_cut_anywhere_is_an_error() {
    let (proxy, url) = proxied().await;
    for (number, after) in [10_000, 500_000, SIZE as u64].into_iter().enumerate() {
        let direction = Direction::Down;
        let fault = match number % 2 {
            0 => Fault::Truncate { direction, after },
            _ => Fault::ResetAfter { direction, after },
        };
        proxy.set(Faults::always(fault));
        // A client of its own has a connection of its own.
        let read = async { client().get(&url).send().await?.into_body().collect(SIZE).await };
        let error = read.await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Transient, "{error}");
        assert!(proxy.injected(fault.kind()) > 0);
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_called_again() {
    let (proxy, url) = proxied().await;
    proxy.set(Faults::refuse());
    let mut config = HttpConfig::default();
    config.pipeline.circuit_breaker.consecutive_failures = None;
    let http = client_of(&config);
    let error = http.post(&url).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient, "{error}");
    assert!(!error.may_have_executed());

    proxy.set(Faults::none());
    assert_eq!(http.post(&url).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn on_a_bad_network_an_answer_is_whole_or_an_error() {
    let (proxy, url) = proxied().await;
    let cut = Fault::ResetAfter { direction: Direction::Down, after: 300_000 };
    proxy.set(Faults::none().with(Fault::Reset, Rule::Chance(0.2)).with(cut, Rule::Chance(0.2)));
    let mut whole = 0;
    for _ in 0..40 {
        let http = client();
        let read = async { http.get(&url).send().await?.into_body().collect(SIZE).await };
        match read.await {
            Ok(body) => {
                assert_eq!(body.len(), SIZE);
                whole += 1;
            }
            Err(error) => assert!(error.kind().is_retryable(), "{error}"),
        }
    }
    assert!(whole > 0);
    assert!(proxy.injected(FaultKind::Reset) > 0);
    assert!(proxy.injected(FaultKind::ResetAfter) > 0);
}
