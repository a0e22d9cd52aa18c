//! Uploads to a server that counts what it gets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::any;
use seawall::core::FailureKind;
use seawall::transfer::TransferProgress;

use crate::support::in_memory;

const MIB: usize = 1024 * 1024;

/// What arrived: the method and the body of each request that was read to its end.
type Arrived = Arc<Mutex<Vec<(String, usize)>>>;

/// A server that answers the first `failures` requests with 502, after having read them.
async fn server(failures: usize) -> (String, Arrived) {
    let (arrived, count) = (Arrived::default(), Arc::new(AtomicUsize::new(0)));
    let kept = Arc::clone(&arrived);
    let app = Router::new().route(
        "/file",
        any(async move |request: Request| {
            let method = request.method().to_string();
            let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
            kept.lock().unwrap().push((method, body.len()));
            let fails = count.fetch_add(1, Ordering::SeqCst) < failures;
            if fails { StatusCode::BAD_GATEWAY } else { StatusCode::CREATED }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, arrived)
}

#[tokio::test]
async fn a_file_is_streamed_and_sent_anew_where_that_is_safe() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let source = folder.path().join("file");
    std::fs::write(&source, vec![7; 3 * MIB]).unwrap();
    let (url, arrived) = server(2).await;
    let progress = Arc::new(TransferProgress::default());
    let response = io.upload(&source, &url).progress(Arc::clone(&progress)).run().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(
        *arrived.lock().unwrap(),
        [("PUT".to_owned(), 3 * MIB), ("PUT".into(), 3 * MIB), ("PUT".into(), 3 * MIB)]
    );
    let now = progress.snapshot();
    assert_eq!((now.bytes, now.expected), (3 * MIB as u64, 3 * MIB as u64), "failed attempts are taken back");
}

#[tokio::test]
async fn a_post_is_sent_once() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let source = folder.path().join("file");
    std::fs::write(&source, "content").unwrap();
    let (url, arrived) = server(1).await;
    let error = io.upload(&source, &url).method(http::Method::POST).run().await.unwrap_err();
    assert!(error.to_string().contains("502"), "{error}: {:?}", std::error::Error::source(&error));
    assert_eq!(arrived.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_given_up() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let source = folder.path().join("file");
    std::fs::write(&source, vec![7; 64 * MIB]).unwrap();
    let hang = Router::new().route("/file", any(async |_: Request<Body>| std::future::pending::<()>().await));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, hang).await });
    let error = io.upload(&source, &url).patience(Duration::from_millis(200)).run().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert!(error.to_string().ends_with("nothing moved for 200ms"), "{error}");
}
