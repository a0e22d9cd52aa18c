//! Our layers and tower's, given the same calls.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{Error, FailureKind, Idempotency, Jitter, Refusal};
use seawall_testkit::hostile::{Answer, HostileService, Readiness};
use seawall_tower::{
    AttemptTimeoutLayer, DeadlineLayer, LoadShedLayer, RetryConfig, RetryLayer, RetryPolicy,
};
use tokio::time::Instant;
use tower::load_shed::error::Overloaded;
use tower::retry::Policy;
use tower::{BoxError, Layer, Service, ServiceExt};

type Inner = HostileService<u32, u32, Error>;

/// As a user of tower writes it: so many attempts, no waits.
#[derive(Clone)]
struct Attempts(u32);

impl Policy<u32, u32, Error> for Attempts {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut u32, result: &mut Result<u32, Error>) -> Option<Self::Future> {
        let failed = result.as_ref().is_err_and(|error| error.kind().is_retryable());
        self.0 -= 1;
        (failed && self.0 > 0).then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &u32) -> Option<u32> {
        Some(*request)
    }
}

fn run<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// What a caller sees of some calls: each result's kind, how often the inner service was called, and for how long.
async fn observe<S, L>(script: &[Option<FailureKind>], layer: L) -> (Vec<Option<FailureKind>>, u64, Duration)
where
    L: Layer<Inner, Service = S>,
    S: Service<u32, Response = u32, Error = Error>,
{
    let (inner, control) = HostileService::echo();
    control.answers(script.iter().map(|answer| match answer {
        Some(kind) => Answer::failure(*kind),
        None => Answer::Ok(0),
    }));
    let began = Instant::now();
    let mut service = layer.layer(inner);
    let mut results = vec![];
    for call in 0..5 {
        let result = service.ready().await.unwrap().call(call).await;
        results.push(result.err().map(|error| error.kind()));
    }
    (results, control.counts().calls, began.elapsed())
}

/// Whether a call was cut, and after how long.
async fn cut<S>(service: S) -> (bool, Duration)
where
    S: Service<u32, Response = u32, Error = BoxError>,
{
    let began = Instant::now();
    let result = service.oneshot(1).await;
    (result.is_err(), began.elapsed())
}

fn answers() -> impl Strategy<Value = Vec<Option<FailureKind>>> {
    let answer = prop_oneof![
        3 => Just(None),
        3 => Just(Some(FailureKind::Transient)),
        1 => Just(Some(FailureKind::Permanent)),
        1 => Just(Some(FailureKind::Refused)),
    ];
    prop::collection::vec(answer, 0..20)
}

fn policy(attempts: u32, base_delay: Duration) -> RetryPolicy {
    let max_attempts = NonZeroU32::new(attempts).unwrap();
    RetryPolicy::new(&RetryConfig {
        max_attempts,
        base_delay,
        jitter: Jitter::None,
        ..RetryConfig::default()
    })
    .unwrap()
    .unspecified_is(Idempotency::Idempotent)
    .without_budget()
}

proptest! {
    #[test]
    fn our_retry_does_what_towers_does(attempts in 1u32..6, script in answers()) {
        let ours = run(observe(&script, RetryLayer::new(policy(attempts, Duration::ZERO))));
        let towers = run(observe(&script, tower::retry::RetryLayer::new(Attempts(attempts))));
        prop_assert_eq!((ours.0, ours.1), (towers.0, towers.1));
    }

    #[test]
    fn our_policy_does_the_same_in_towers_retry_as_in_ours(attempts in 1u32..6, script in answers()) {
        let policy = policy(attempts, Duration::from_millis(50));
        let ours = run(observe(&script, RetryLayer::new(policy.clone())));
        let towers = run(observe(&script, tower::retry::RetryLayer::new(policy)));
        prop_assert_eq!(ours, towers);
    }

    #[test]
    fn our_time_limits_cut_where_towers_does(takes in 0u64..200, limit in 1u64..200) {
        let (takes, limit) = (Duration::from_millis(takes), Duration::from_millis(limit));
        let slow = || {
            let (inner, control) = HostileService::<u32, u32, BoxError>::echo();
            control.answers([Answer::Ok(2).after(takes)]);
            inner
        };
        let towers = run(async { cut(tower::timeout::Timeout::new(slow(), limit)).await });
        prop_assert_eq!(run(async { cut(AttemptTimeoutLayer::new(limit).layer(slow())).await }), towers);
        prop_assert_eq!(run(async { cut(DeadlineLayer::new(limit).layer(slow())).await }), towers);
    }
}

/// What comes of calls to an inner service that is ready, or will be at the next poll: answered (its error's kind, if
/// any) or shed.
async fn shed<S>(
    script: &[(bool, bool)],
    layer: impl Layer<HostileService<u32, u32, BoxError>, Service = S>,
) -> Vec<&'static str>
where
    S: Service<u32, Response = u32, Error = BoxError>,
{
    let (inner, control) = HostileService::<u32, u32, BoxError>::echo();
    let mut service = layer.layer(inner);
    let mut results = vec![];
    for (ready, fails) in script {
        control.readiness((!ready).then_some(Readiness::Pending(1)));
        if *ready {
            control.answers([if *fails { Answer::Err("failed".into()) } else { Answer::Ok(0) }]);
        }
        results.push(match service.ready().await.unwrap().call(1).await {
            Ok(_) => "answered",
            Err(error) if error.is::<Overloaded>() || error.is::<Refusal>() => "shed",
            Err(_) => "failed",
        });
        // What was not ready is now, in both.
        if !ready {
            assert_eq!(service.ready().await.unwrap().call(1).await.unwrap(), 1);
        }
    }
    results
}

proptest! {
    #[test]
    fn our_load_shed_does_what_towers_does(script in prop::collection::vec(any::<(bool, bool)>(), 0..20)) {
        let ours = run(shed(&script, LoadShedLayer::new()));
        prop_assert_eq!(&ours, &run(shed(&script, tower::load_shed::LoadShedLayer::new())));
        let expected = script.iter().map(|(ready, fails)| match (ready, fails) {
            (false, _) => "shed",
            (true, false) => "answered",
            (true, true) => "failed",
        });
        prop_assert_eq!(ours, expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_boxed_error_keeps_the_refusal_within_reach() {
    let (inner, control) = HostileService::<u32, u32, BoxError>::echo();
    control.answers([Answer::Hang]);
    let error = run(async {
        AttemptTimeoutLayer::new(Duration::from_secs(1)).layer(inner).oneshot(1).await.unwrap_err()
    });
    assert_eq!(error.downcast_ref::<Refusal>().unwrap().kind(), FailureKind::Timeout);
}
