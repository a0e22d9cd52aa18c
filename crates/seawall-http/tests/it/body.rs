use std::time::Duration;

use axum::Router;
use axum::body::Body as AxumBody;
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Response;
use seawall_core::{CallContext, Error, FailureKind};
use seawall_http::{Body, HttpConfig};
use tokio::time::Instant;

use crate::support::{RawServer, Then, client, client_of, overtaken, serve};

const HOUR: Duration = Duration::from_hours(1);

async fn answer(url: &str) -> Body {
    client().get(url).send().await.unwrap().into_body()
}

/// A server that sends `size` bytes, with or without saying so beforehand.
async fn server_of(size: usize) -> String {
    let chunks = move || stream::repeat(Bytes::from_static(&[b'x'; 10])).take(size / 10).map(Ok::<_, Error>);
    serve(
        Router::new()
            .route("/sized", get(async move || "x".repeat(size)))
            .route("/chunked", get(async move || Response::new(AxumBody::from_stream(chunks())))),
    )
    .await
}

#[tokio::test]
async fn a_body_is_read_whole_up_to_the_limit_and_not_a_byte_beyond() {
    let url = server_of(1000).await;
    for path in ["sized", "chunked"] {
        let url = format!("{url}/{path}");
        assert_eq!(answer(&url).await.collect(1000).await.unwrap().len(), 1000, "{path}");
        let error = answer(&url).await.collect(999).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{path}");
        assert_eq!(
            error.to_string(),
            format!("http `GET {url}`: the body is larger than the limit of 999 bytes")
        );
    }
}

#[tokio::test]
async fn a_body_without_end_is_refused_at_the_limit() {
    let endless = || stream::repeat(Bytes::from_static(&[0; 1024])).map(Ok::<_, Error>);
    let url =
        serve(Router::new().route("/", get(async move || Response::new(AxumBody::from_stream(endless())))))
            .await;
    let error = answer(&url).await.collect(100_000).await.unwrap_err();
    assert!(error.to_string().ends_with("larger than the limit of 100000 bytes"), "{error}");
}

#[tokio::test]
async fn a_body_is_a_stream_of_chunks() {
    let url = server_of(100_000).await;
    let chunks: Vec<Bytes> = answer(&format!("{url}/chunked")).await.try_collect().await.unwrap();
    assert_eq!(chunks.concat().len(), 100_000);
}

#[tokio::test]
async fn text_and_json_are_checked() {
    let url = serve(
        Router::new()
            .route("/list", get(async || "[1, 2, 3]"))
            .route("/binary", get(async || [0xff_u8, 0xfe].to_vec())),
    )
    .await;
    let (list, binary) = (format!("{url}/list"), format!("{url}/binary"));
    assert_eq!(answer(&list).await.text(100).await.unwrap(), "[1, 2, 3]");
    assert_eq!(answer(&list).await.json::<Vec<u8>>(100).await.unwrap(), [1, 2, 3]);

    let error = answer(&list).await.json::<String>(100).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.to_string().contains("the body is not the expected json: invalid type"), "{error}");
    let error = answer(&binary).await.text(100).await.unwrap_err();
    assert!(error.to_string().contains("the body is not utf-8: invalid utf-8 sequence"), "{error}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_never_a_short_success() {
    const SIZED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfour";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n";
    for step in [Then::Close(SIZED), Then::Close(CHUNKED), Then::Reset(SIZED), Then::Reset(CHUNKED)] {
        let server = RawServer::start(&[step]).await;
        // A reset may overtake the head of the response too: then the call fails, and that is right as well.
        let read = async {
            let response = client().post(server.url()).send().await?;
            response.into_body().collect(1024).await
        };
        let error = read.await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Transient, "{error}");
        assert!(error.may_have_executed());
        if matches!(step, Then::Close(_)) {
            let begin = format!("http `POST {}/`: the response body broke off: ", server.url());
            assert!(error.to_string().starts_with(&begin), "{error}");
        }
    }
}

#[tokio::test]
async fn a_body_that_stalls_is_cut() {
    let server = RawServer::start(&[Then::Hold("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfour")]).await;
    let read_timeout = Some(HOUR);
    let http = client_of(&HttpConfig { read_timeout, ..HttpConfig::default() });
    let mut body = http.get(server.url()).send().await.unwrap().into_body();
    assert_eq!(body.next().await.unwrap().unwrap(), "four");
    let error = overtaken(body.collect(1024), async {}, HOUR).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert!(error.to_string().contains("no part of the response body arrived for 3600s"), "{error}");
}

#[tokio::test]
async fn the_deadline_of_the_caller_cuts_the_reading_of_the_body() {
    let server = RawServer::start(&[Then::Hold("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfour")]).await;
    let http = client_of(&HttpConfig { read_timeout: None, ..HttpConfig::default() });
    let (reads, reading) = tokio::sync::oneshot::channel();
    let read = async {
        let response = http.get(server.url()).send().await?;
        reads.send(()).unwrap();
        response.into_body().collect(1024).await
    };
    let context = CallContext::default().within(HOUR, Instant::now().into_std());
    let error = overtaken(context.scope(read), reading, HOUR).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
}
