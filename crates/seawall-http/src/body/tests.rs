use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use seawall_core::FailureKind;
use tokio::time::Instant;

use super::Body;

const IDLE: Duration = Duration::from_secs(30);

#[expect(clippy::unnecessary_wraps, reason = "a stream is made of results")]
fn chunk() -> Result<Bytes, Infallible> {
    Ok(Bytes::from_static(b"chunk"))
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_is_cut_after_the_idle_time_and_is_over() {
    let mut body = Body::from_stream(stream::iter([chunk()]).chain(stream::pending())).idle_for(Some(IDLE));
    assert_eq!(body.try_next().await.unwrap().unwrap(), "chunk");

    let begun = Instant::now();
    let error = body.try_next().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert_eq!(error.to_string(), "http `body`: no part of the response body arrived for 30s");
    assert_eq!(begun.elapsed(), IDLE);
    assert!(body.try_next().await.unwrap().is_none(), "after an error a body is over");
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_begins_anew_with_each_chunk() {
    let chunks = stream::iter(0..5).then(async |_| {
        tokio::time::sleep(IDLE / 2).await;
        chunk()
    });
    let body = Body::from_stream(chunks).idle_for(Some(IDLE));
    assert_eq!(body.collect(1024).await.unwrap().len(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_make_a_body_late() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut body = Body::from_stream(stream::poll_fn(move |cx| receiver.poll_recv(cx))).idle_for(Some(IDLE));
    for _ in 0..3 {
        sender.send(chunk()).unwrap();
        tokio::time::sleep(IDLE * 10).await;
        assert!(body.try_next().await.unwrap().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_always_has_a_chunk_does_not_outlive_its_deadline() {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut body =
        Body::from_stream(stream::repeat_with(chunk)).idle_for(Some(IDLE)).until(Some(deadline.into_std()));
    assert!(body.try_next().await.unwrap().is_some());
    tokio::time::sleep_until(deadline).await;
    assert_eq!(body.try_next().await.unwrap_err().kind(), FailureKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_cuts_a_wait_that_the_idle_time_would_not() {
    let deadline = Instant::now() + Duration::from_secs(5);
    let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())
        .idle_for(Some(IDLE))
        .until(Some(deadline.into_std()));
    let error = body.collect(1024).await.unwrap_err();
    assert_eq!(error.to_string(), "http `body`: the deadline passed while the response body was read");
    assert_eq!(Instant::now(), deadline);
}

#[tokio::test]
async fn a_body_of_ours_is_not_wrapped_again() {
    assert!(Body::new(Body::from("bytes")).is_replayable());
    assert!(!Body::new(http_body_util::Full::new(Bytes::from_static(b"bytes"))).is_replayable());
}
