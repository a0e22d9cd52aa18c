use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{
    ByKind, CallContext, CircuitState, Error, Event, FailureKind, Idempotency, Jitter, Observer, Outcome,
};
use seawall_testkit::hostile::{Answer, HostileService};
use seawall_tower::{Pipeline, PipelineConfig, RetryConfig};
use tokio::time::Instant;
use tokio_test::{assert_pending, task};
use tower::{Layer, ServiceExt};

use crate::recorder::Recorder;

fn pipeline(config: &PipelineConfig) -> (Pipeline, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let observer = Arc::clone(&recorder) as Arc<dyn Observer>;
    (Pipeline::new("test", config, ByKind, observer).unwrap(), recorder)
}

fn idempotent() -> CallContext {
    CallContext::default().idempotency(Idempotency::Idempotent)
}

#[tokio::test(start_paused = true)]
async fn a_hanging_backend_is_cut_retried_and_given_up_at_the_deadline() {
    let retry = RetryConfig { jitter: Jitter::None, ..RetryConfig::default() };
    let (pipeline, recorder) = pipeline(&PipelineConfig { retry, ..PipelineConfig::default() });
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers((0..5).map(|_| Answer::Hang));
    let began = Instant::now();
    let error = idempotent().scope(pipeline.layer("target").layer(inner).oneshot("hello")).await.unwrap_err();
    // Two attempts of ten seconds, and what the waits left of the third.
    assert_eq!((error.kind(), began.elapsed()), (FailureKind::Timeout, Duration::from_secs(30)));
    assert_eq!(control.counts().calls, 3);
    assert_eq!(control.counts().in_flight, 0);
    let outcomes = recorder.of("pipeline");
    let [Event::Completed { outcome, elapsed }] = outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((outcome, elapsed), (Outcome::failure(FailureKind::Timeout), Duration::from_secs(30)));
}

#[tokio::test(start_paused = true)]
async fn layers_of_one_target_share_its_circuit_and_other_targets_have_their_own() {
    let (pipeline, _recorder) = pipeline(&PipelineConfig::default());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers((0..5).map(|_| Answer::failure(FailureKind::Transient)));
    for _ in 0..5 {
        pipeline.layer("target").layer(inner.clone()).oneshot("hello").await.unwrap_err();
    }
    assert_eq!(pipeline.breaker("target").state(), CircuitState::Open);
    let error = pipeline.layer("target").layer(inner.clone()).oneshot("hello").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);

    // Nobody listens here: the recorder knows only one target.
    let pipeline = Pipeline::new("test", &PipelineConfig::default(), ByKind, Arc::new(())).unwrap();
    pipeline.breaker("target").force_open();
    assert_eq!(pipeline.layer("another").layer(inner).oneshot("hello").await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn targets_are_listed_with_circuit_and_budget() {
    let pipeline = Pipeline::new("test", &PipelineConfig::default(), ByKind, Arc::new(())).unwrap();
    pipeline.breaker("b").force_open();
    let (inner, _) = HostileService::<&str, &str, Error>::echo();
    pipeline.layer("a").layer(inner).oneshot("hello").await.unwrap();
    let targets: Vec<_> = pipeline
        .targets()
        .into_iter()
        .map(|status| (status.target, status.circuit, status.budget_balance))
        .collect();
    let [(a, CircuitState::Closed, of_a), (b, CircuitState::ForcedOpen, of_b)] = &targets[..] else {
        panic!("{targets:?}")
    };
    assert_eq!((a.as_str(), b.as_str()), ("a", "b"));
    // A success earned a tenth; the other target was never called.
    assert!((of_a - 3.1).abs() < 1e-6 && (of_b - 3.0).abs() < 1e-6, "{of_a} {of_b}");
}

#[tokio::test(start_paused = true)]
async fn targets_are_bounded_and_one_that_is_open_is_never_forgotten() {
    let config = PipelineConfig { max_targets: NonZeroUsize::new(3).unwrap(), ..PipelineConfig::default() };
    let pipeline = Pipeline::new("test", &config, ByKind, Arc::new(())).unwrap();
    pipeline.breaker("open").force_open();
    for host in 0..100 {
        let _layer = pipeline.layer(&format!("host-{host}"));
    }
    let names: Vec<_> = pipeline.targets().into_iter().map(|status| status.target).collect();
    assert_eq!(names, ["host-98", "host-99", "open"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_is_told_as_abandoned() {
    let (pipeline, recorder) = pipeline(&PipelineConfig::default());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::Hang]);
    let mut call = task::spawn(pipeline.layer("target").layer(inner).oneshot("hello"));
    assert_pending!(call.poll());
    tokio::time::advance(Duration::from_secs(2)).await;
    drop(call);
    assert_eq!(recorder.of("pipeline"), [Event::Abandoned { elapsed: Duration::from_secs(2) }]);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_costs_no_retry_and_no_budget() {
    let (pipeline, recorder) = pipeline(&PipelineConfig::default());
    pipeline.breaker("target").force_open();
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    for _ in 0..10 {
        let service = pipeline.layer("target").layer(inner.clone());
        let error = idempotent().scope(service.oneshot("hello")).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (FailureKind::Refused, 1));
    }
    assert_eq!(control.counts().calls, 0);
    assert!((pipeline.targets()[0].budget_balance - 3.0).abs() < 1e-9);
    assert!(!recorder.of("retry").iter().any(|event| matches!(event, Event::Retried { .. })));
}
