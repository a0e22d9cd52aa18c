use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use seawall_core::{BoxError, Error, FailureKind, Refusal};
use seawall_fs::{FileService, Fs, FsConfig, FsRequest, FsResponse, OpenOptions, Operation};
use tower::limit::ConcurrencyLimitLayer;
use tower::{ServiceBuilder, layer, service_fn};

use crate::client;

#[tokio::test]
async fn a_layer_of_the_users_sees_every_request_before_the_stack_does() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let seen = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&seen);
    let count = tower::util::MapRequestLayer::new(move |request: FsRequest| {
        counter.fetch_add(1, Ordering::Relaxed);
        request
    });
    let fs = client().layer(count).layer(ConcurrencyLimitLayer::new(1));
    fs.write_atomic(&path, "new").await.unwrap();
    assert_eq!(fs.read(&path, 9).await.unwrap(), "new");
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_stack_of_the_users_own_takes_the_place_of_the_default_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let files = FileService::new(&FsConfig::default());
    let fs = Fs::from_service(ServiceBuilder::new().concurrency_limit(2).service(files));
    fs.write_atomic(&path, "new").await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    assert!(fs.pipeline().is_none());
    assert!(client().pipeline().is_some());
}

#[tokio::test]
async fn an_error_that_a_foreign_layer_boxed_is_found_again() {
    let boxing = layer::layer_fn(|inner| {
        use tower::ServiceExt;
        ServiceExt::<FsRequest>::map_err(inner, |error: Error| BoxError::from(error))
    });
    let fs = client().layer(boxing);
    let error = fs.read("/nowhere/at/all", 9).await.unwrap_err();
    assert_eq!((error.layer(), error.name()), ("fs", "read /nowhere/at/all"));
}

#[tokio::test]
async fn a_refusal_of_the_users_layer_comes_through_as_an_error() {
    let refusing = service_fn(async |_: FsRequest| {
        Err::<FsResponse, BoxError>(Box::new(Refusal::new(
            "house",
            "files",
            FailureKind::Refused,
            "closed today",
        )))
    });
    let error = Fs::from_service(refusing).read("/a", 9).await.unwrap_err();
    assert_eq!(error.to_string(), "house `files`: closed today");
}

#[tokio::test]
async fn a_stack_that_answers_something_else_is_an_error_not_a_panic() {
    let wrong = service_fn(async |_: FsRequest| Ok::<_, Error>(FsResponse::new(())));
    let error = Fs::from_service(wrong).read("/a", 9).await.unwrap_err();
    assert_eq!(error.to_string(), "fs `read /a`: the stack answered with the wrong response: ()");
}

#[tokio::test]
async fn a_layer_sees_what_a_request_is_but_its_debug_does_not_show_what_is_written() {
    let double = service_fn(async |request: FsRequest| {
        assert_eq!(request.operation(), Operation::WriteAtomic);
        assert_eq!(request.path(), Path::new("/a"));
        assert_eq!(request.bytes(), 6);
        let debug = format!("{request:?}");
        assert!(!debug.contains("s3cret"), "{debug}");
        assert!(debug.contains("WriteAtomic"), "{debug}");
        Ok::<_, Error>(FsResponse::new(()))
    });
    Fs::from_service(double).write_atomic("/a", "s3cret").await.unwrap();
}

#[tokio::test]
async fn a_circuit_that_is_forced_open_lets_nothing_through_that_the_page_cache_has() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "content").unwrap();
    let fs = client();
    let file = fs.open(&path, OpenOptions::reading()).await.unwrap();
    let circuit = fs.pipeline().unwrap().breaker("local");
    for forced in [false, true, false] {
        if forced {
            circuit.force_open();
        } else {
            circuit.disable();
        }
        // The first time round they come from a thread, and then from the cache.
        for _ in 0..2 {
            assert_eq!(file.read_at(1, 3).await.is_err(), forced);
            assert_eq!(fs.read(&path, 9).await.is_err(), forced);
            assert_eq!(fs.metadata(&path).await.is_err(), forced);
        }
    }
}
