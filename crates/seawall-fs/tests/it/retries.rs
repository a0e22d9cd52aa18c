use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use seawall_core::{Error, FailureKind};
use seawall_fs::{FileService, Fs, FsClassifier, FsConfig, FsRequest, Operation};
use seawall_tower::{Pipeline, PipelineConfig};
use tower::{Layer, Service, ServiceExt, service_fn};

/// A client over the default pipeline whose first answer is lost and replaced by `error`, and the number of
/// attempts.
pub(crate) fn losing_the_first_answer(
    error: impl Fn() -> Error + Clone + Send + Sync + 'static,
) -> (Fs, Arc<AtomicU32>) {
    losing_the_first_answer_to(|_| true, error)
}

/// The same for some operations only.
pub(crate) fn losing_the_first_answer_to(
    which: fn(Operation) -> bool,
    error: impl Fn() -> Error + Clone + Send + Sync + 'static,
) -> (Fs, Arc<AtomicU32>) {
    let config = FsConfig::default();
    let pipeline = Pipeline::new("fs", &PipelineConfig::default(), FsClassifier, Arc::new(())).unwrap();
    let attempts = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&attempts);
    let files = FileService::new(&config);
    let lossy = service_fn(move |request: FsRequest| {
        let (mut files, counter, error) = (files.clone(), Arc::clone(&counter), error.clone());
        async move {
            let lossy = which(request.operation());
            let answer = files.ready().await?.call(request).await;
            if lossy && counter.fetch_add(1, Ordering::Relaxed) == 0 { Err(error()) } else { answer }
        }
    });
    (Fs::from_service(pipeline.layer("test").layer(lossy)), attempts)
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let (fs, attempts) = losing_the_first_answer(|| Error::new(FailureKind::Transient, "fs", "test"));
    fs.write_atomic(&path, "new").await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_removal_done_by_an_attempt_whose_answer_was_lost_is_a_success() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "old").unwrap();
    let (fs, attempts) = losing_the_first_answer(|| Error::new(FailureKind::Timeout, "fs", "test"));
    fs.remove(&path).await.unwrap();
    assert!(!path.exists());
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (fs, attempts) = losing_the_first_answer(|| Error::new(FailureKind::Permanent, "fs", "test"));
    fs.create_dir_all(directory.path()).await.unwrap_err();
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
}
