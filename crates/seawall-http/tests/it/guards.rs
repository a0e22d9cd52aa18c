use std::io::Write as _;

use axum::Router;
use axum::body::Body as AxumBody;
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use seawall_core::{Error, FailureKind};
use seawall_http::{GuardsConfig, Http, HttpConfig, Proxy};
use tokio::io::AsyncWriteExt;

use crate::support::{client, client_of, serve, serve_raw};

fn guarded(guards: GuardsConfig) -> Http {
    client_of(&HttpConfig { guards, proxy: Proxy::Off, ..HttpConfig::default() })
}

/// Asserts that it is a refusal that nobody would repeat, with these words in it.
fn assert_refused(error: &Error, words: &str) {
    assert_eq!(error.kind(), FailureKind::Refused, "{error}");
    assert_eq!(error.attempts(), 1, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn a_response_of_more_bytes_than_may_be_is_refused_while_it_streams() {
    let chunks = || stream::repeat(Bytes::from_static(&[b'x'; 1000])).map(Ok::<_, Error>);
    let url = serve(
        Router::new()
            .route("/endless", get(async move || Response::new(AxumBody::from_stream(chunks()))))
            .route("/sized", get(async || "x".repeat(10_001))),
    )
    .await;
    let http = guarded(GuardsConfig { max_response_size: Some(10_000), ..GuardsConfig::default() });

    let mut body = http.get(format!("{url}/endless")).send().await.unwrap().into_body();
    let mut read = 0;
    let error = loop {
        match body.next().await.unwrap() {
            Ok(chunk) => read += chunk.len(),
            Err(error) => break error,
        }
    };
    assert!(read <= 10_000);
    assert_refused(&error, "larger than the 10000 bytes that it may have: raise guards.max_response_size");
    assert!(body.next().await.is_none());

    // One that says so is not even begun; a request can say otherwise.
    let error = http.get(format!("{url}/sized")).send().await.unwrap_err();
    assert_refused(&error, "larger than the 10000 bytes");
    let larger = http.get(format!("{url}/sized")).max_response_size(10_001).send().await.unwrap();
    assert_eq!(larger.into_body().collect(20_000).await.unwrap().len(), 10_001);
    let error = client().get(format!("{url}/sized")).max_response_size(10_000).send().await.unwrap_err();
    assert_refused(&error, "larger than the 10000 bytes");
}

#[tokio::test]
async fn a_bomb_is_counted_as_it_comes_out() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        bomb.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 100_000);
    let url =
        serve(Router::new().route("/", get(async move || ([("content-encoding", "gzip")], bomb)))).await;
    let error = client().get(&url).collect().await.unwrap_err();
    assert_refused(&error, "larger than the 16777216 bytes that it may have");
    let http = guarded(GuardsConfig { max_response_size: Some(1 << 20), ..GuardsConfig::default() });
    let error = http.get(&url).send().await.unwrap().into_body().collect(usize::MAX).await.unwrap_err();
    assert_refused(&error, "larger than the 1048576 bytes");
}

#[tokio::test]
async fn a_response_of_too_many_or_too_long_headers_is_refused() {
    let url = serve(
        Router::new()
            .route(
                "/many",
                get(async || {
                    let headers = (0..60).map(|n| (format!("x-{n}").parse().unwrap(), "x".parse().unwrap()));
                    headers.collect::<HeaderMap<HeaderValue>>()
                }),
            )
            .route("/long", get(async || [(HeaderName::from_static("x-long"), "x".repeat(70_000))])),
    )
    .await;
    let http = guarded(GuardsConfig { max_response_headers: 50, ..GuardsConfig::default() });
    let error = http.get(format!("{url}/many")).send().await.unwrap_err();
    assert_refused(&error, "header lines, and guards.max_response_headers allows 50");
    assert_eq!(client().get(format!("{url}/many")).send().await.unwrap().status(), StatusCode::OK);

    let error = client().get(format!("{url}/long")).send().await.unwrap_err();
    assert_refused(&error, "guards.max_response_header_bytes allows 65536");
    let more = GuardsConfig { max_response_header_bytes: 100_000, ..GuardsConfig::default() };
    assert_eq!(guarded(more).get(format!("{url}/long")).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn headers_without_end_are_not_read_to_the_end() {
    let many = serve_raw(async |mut connection| {
        connection.write_all(b"HTTP/1.1 200 OK\r\n").await?;
        loop {
            connection.write_all(&b"x-again: and again\r\n".repeat(100)).await?;
        }
    })
    .await;
    let long = serve_raw(async |mut connection| {
        connection.write_all(b"HTTP/1.1 200 OK\r\nx-long: ").await?;
        loop {
            connection.write_all(&[b'x'; 4096]).await?;
        }
    })
    .await;
    for url in [many, long] {
        let error = client().get(&url).send().await.unwrap_err();
        assert_refused(&error, "more or longer headers than a client of HTTP/1 reads");
    }
}

#[tokio::test]
async fn more_headers_than_usual_are_read_if_they_are_allowed() {
    let url = serve_raw(async |mut connection| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{}\r\n", "x-one: 1\r\n".repeat(300));
        connection.write_all(head.as_bytes()).await
    })
    .await;
    let http = guarded(GuardsConfig { max_response_headers: 400, ..GuardsConfig::default() });
    assert_eq!(http.get(&url).send().await.unwrap().headers().get_all("x-one").iter().count(), 300);
}

#[tokio::test]
async fn only_hosts_on_the_list_are_called() {
    let url = serve(Router::new().route("/", get(async || "hello"))).await;
    let port = url.rsplit_once(':').unwrap().1.to_owned();
    let listing = |hosts: &[&str]| {
        let allowed_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        guarded(GuardsConfig { allowed_hosts, ..GuardsConfig::default() })
    };
    assert!(listing(&["127.0.0.1"]).get(&url).send().await.is_ok());
    assert!(listing(&["localhost"]).get(format!("http://localhost:{port}")).send().await.is_ok());
    let error = listing(&["localhost", "*.example.com"]).get(&url).send().await.unwrap_err();
    assert_refused(&error, "host `127.0.0.1` is not among guards.allowed_hosts");
    assert!(!error.may_have_executed());
    // What is dialled is what is looked at, however it is spelled.
    let error = listing(&["localhost"]).get(format!("http://0x7f.1:{port}")).send().await.unwrap_err();
    assert_refused(&error, "host `127.0.0.1` is not among");
}

#[tokio::test]
async fn a_redirect_to_a_host_that_is_not_on_the_list_is_not_followed() {
    let inside = serve(Router::new().route("/", get(async || "secret"))).await;
    let port = inside.rsplit_once(':').unwrap().1.to_owned();
    let url = serve(Router::new().route(
        "/",
        get(async move || (StatusCode::FOUND, [("location", format!("http://localhost:{port}/"))])),
    ))
    .await;
    let http =
        guarded(GuardsConfig { allowed_hosts: vec!["127.0.0.1".to_owned()], ..GuardsConfig::default() });
    assert_refused(&http.get(&url).send().await.unwrap_err(), "host `localhost` is not among");
}

#[tokio::test]
async fn private_addresses_are_not_called_by_number_or_by_name() {
    let url = serve(Router::new().route("/", get(async || "secret"))).await;
    let port = url.rsplit_once(':').unwrap().1;
    let http = guarded(GuardsConfig { refuse_private_addresses: true, ..GuardsConfig::default() });
    for host in
        ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "localhost"]
    {
        let error = http.get(format!("http://{host}:{port}/")).send().await.unwrap_err();
        assert_refused(&error, "is no public address, and guards.refuse_private_addresses is on");
        assert!(!error.may_have_executed());
    }
}

#[tokio::test]
async fn a_guard_that_cannot_hold_is_no_configuration() {
    let guards = GuardsConfig { refuse_private_addresses: true, ..GuardsConfig::default() };
    let config = HttpConfig { guards, ..HttpConfig::default() };
    let error = Http::new(&config, std::sync::Arc::new(())).unwrap_err();
    assert!(
        error.to_string().contains("guards.refuse_private_addresses is true: needs proxy to be \"off\""),
        "{error}"
    );

    let config = HttpConfig { proxy: Proxy::Off, ..config };
    let error = Http::from_reqwest(reqwest::Client::new(), &config, std::sync::Arc::new(())).unwrap_err();
    assert!(error.to_string().contains("needs a client made by Http::new"), "{error}");

    let wrong =
        GuardsConfig { allowed_hosts: vec!["https://example.com".to_owned()], ..GuardsConfig::default() };
    let config = HttpConfig { guards: wrong, ..HttpConfig::default() };
    let error = Http::new(&config, std::sync::Arc::new(())).unwrap_err();
    assert!(error.to_string().contains("guards.allowed_hosts is \"https://example.com\""), "{error}");
}
