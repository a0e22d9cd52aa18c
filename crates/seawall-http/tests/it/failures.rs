use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use seawall_core::{CallContext, FailureKind};
use seawall_http::{Body, HttpConfig};
use tokio::time::Instant;

use crate::support::{RawServer, Then, client, client_of, overtaken, until};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn the_time_of_a_call_cuts_a_black_hole() {
    let server = RawServer::start(&[Then::Hold("")]).await;
    let mut config = HttpConfig::default();
    config.pipeline.attempt_timeout = None;
    let http = client_of(&config);
    let call = http.get(server.url()).timeout(HOUR).send();
    let error = overtaken(call, until(|| server.requests() == 1), HOUR).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);

    let call =
        CallContext::default().within(HOUR, Instant::now().into_std()).scope(http.get(server.url()).send());
    let error = overtaken(call, until(|| server.requests() == 2), HOUR).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
}

#[tokio::test]
async fn an_attempt_that_hangs_is_cut_and_a_get_is_made_again() {
    const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";
    let server = RawServer::start(&[Then::Hold(""), Then::Close(FINE)]).await;
    let mut config = HttpConfig::default();
    (config.pipeline.deadline, config.pipeline.attempt_timeout) = (None, Some(HOUR));
    let call = client_of(&config).get(server.url()).send();
    let response = overtaken(call, until(|| server.requests() == 1), HOUR).await.unwrap();
    assert_eq!(response.into_body().text(100).await.unwrap(), "fine");
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_no_passing_trouble() {
    let server = RawServer::start(&[Then::Close("")]).await;
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = plain.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut connection, b"220 mail.example.com ready\r\n")
                .await
                .unwrap();
        }
    });
    let error = client().get(format!("https://{address}")).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert!(!error.may_have_executed());
    assert_eq!(error.attempts(), 1);
    assert!(error.to_string().contains("could not agree on a secure connection"), "{error}");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_source_that_fails_is_not_held_against_the_server() {
    let server = RawServer::start(&[Then::Hold("")]).await;
    let chunks = [Ok(Bytes::from_static(b"chunk")), Err(std::io::Error::other("the disk is gone"))];
    let error =
        client().put(server.url()).body(Body::from_stream(stream::iter(chunks))).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert!(error.to_string().contains("the request body failed: the disk is gone"), "{error}");
}

#[tokio::test]
async fn why_a_source_failed_says_nothing_of_the_request() {
    let server = RawServer::start(&[Then::Hold("")]).await;
    let not_a_url = || std::io::Error::other("no url".parse::<http::Uri>().unwrap_err());
    let chunks = stream::iter([Ok(Bytes::from_static(b"chunk")), Err(not_a_url())]);
    let error = client().put(server.url()).body(Body::from_stream(chunks)).send().await.unwrap_err();
    assert!(error.may_have_executed(), "{error}");
    assert!(error.to_string().contains("the request body failed"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_an_error() {
    let server = RawServer::start(&[Then::Close("220 mail.example.com ready\r\n")]).await;
    let error = client().post(server.url()).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient);
    assert!(error.may_have_executed());
}
