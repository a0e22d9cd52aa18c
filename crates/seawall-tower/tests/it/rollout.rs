use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use seawall_core::{CallContext, Error, Event, FailureKind, RolloutConfig};
use seawall_testkit::hostile::{Answer, HostileService};
use seawall_tower::rollout::stable_hash;
use seawall_tower::{AttemptTimeoutLayer, Identity, Rollout, RolloutHandle};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::recorder::Recorder;

type Backend = HostileService<u64, u64, Error>;

fn handle(weight: f64) -> RolloutHandle {
    RolloutHandle::new(Identity::new("target"), &RolloutConfig { weight, ..RolloutConfig::default() })
        .unwrap()
}

/// One that answers with 0, and one that answers with 1.
fn backends() -> (Backend, Backend) {
    (HostileService::new(|_| Answer::Ok(0)).0, HostileService::new(|_| Answer::Ok(1)).0)
}

#[tokio::test]
async fn calls_are_split_by_weight() {
    for (weight, expected) in [(0.0, 0), (0.1, 100), (0.25, 250), (1.0, 1000)] {
        let (old, new) = backends();
        let service = Rollout::new(handle(weight), old, new);
        let mut canaries = 0;
        for request in 0..1000 {
            canaries += service.clone().oneshot(request).await.unwrap();
        }
        assert!(canaries.abs_diff(expected) <= 2, "{weight}: {canaries}");
    }
}

#[tokio::test]
async fn the_same_key_meets_the_same_stack_and_other_rollouts_try_other_keys() {
    let service = |name: &'static str| {
        let (old, new) = backends();
        let config = RolloutConfig { weight: 0.3, ..RolloutConfig::default() };
        let handle = RolloutHandle::new(Identity::new(name), &config).unwrap();
        Rollout::new(handle, old, new).sticky(|user: &u64| stable_hash(user))
    };
    let (one, again, other) = (service("one"), service("one"), service("other"));
    let (mut canaries, mut differ) = (0, 0);
    for user in 0..1000 {
        let arm = one.clone().oneshot(user).await.unwrap();
        assert_eq!(arm, again.clone().oneshot(user).await.unwrap());
        differ += u32::from(arm != other.clone().oneshot(user).await.unwrap());
        canaries += arm;
    }
    assert!((250..350).contains(&canaries), "{canaries}");
    assert!(differ > 300, "{differ}");
}

#[test]
fn a_hash_is_the_same_in_every_process() {
    assert_eq!(stable_hash("ada"), 9_417_627_293_255_182_604);
}

#[tokio::test(start_paused = true)]
async fn callers_who_come_too_late_say_nothing_of_a_canary() {
    let handle = handle(0.5);
    let (old, new) = backends();
    let guarded = AttemptTimeoutLayer::new(Duration::from_secs(1)).layer(new);
    let service = Rollout::new(handle.clone(), old, guarded);
    let late = CallContext::default().deadline(tokio::time::Instant::now().into_std());
    let mut refused = 0;
    for request in 0..1000 {
        refused += u32::from(late.clone().scope(service.clone().oneshot(request)).await.is_err());
    }
    assert_eq!((refused, handle.is_rolled_back()), (500, false));
}

#[tokio::test]
async fn a_canary_that_breaks_is_taken_back_and_told_of() {
    let recorder = Arc::new(Recorder::default());
    let config = RolloutConfig { weight: 0.5, ..RolloutConfig::default() };
    let handle = RolloutHandle::new(recorder.identity(), &config).unwrap();
    let (old, _) = HostileService::new(|_| Answer::Ok(0));
    let (new, broken) = HostileService::new(|_| Answer::failure(FailureKind::Transient));
    let service = Rollout::new(handle.clone(), old, new);
    let mut failures = 0;
    for request in 0..1000 {
        failures += u32::from(service.clone().oneshot(request).await.is_err());
    }
    assert_eq!((failures, broken.counts().calls), (20, 20));
    assert_eq!(recorder.of("rollout"), [Event::RolledBack { reason: "failure rate" }]);

    let error = handle.set_weight(0.6).unwrap_err();
    assert_eq!(
        error.to_string(),
        "weight is 0.6: must be 0 while the canary is rolled back, until it is told to begin again"
    );
    handle.reconfigure(&config).unwrap();
    assert!(handle.is_rolled_back(), "a ramp that goes on does not bring it back");
    handle.begin_again(0.5).unwrap();
    assert!(!handle.is_rolled_back());
    assert!(handle.set_weight(7.0).is_err());
    handle.set_weight(0.6).unwrap();
    let told = recorder.of("rollout");
    assert_eq!(
        told[1..],
        [
            Event::ReconfigurationRefused,
            Event::Reconfigured,
            Event::Reconfigured,
            Event::WeightChanged { weight: 0.5 },
            Event::ReconfigurationRefused,
            Event::Reconfigured,
            Event::WeightChanged { weight: 0.6 },
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_hangs_until_the_deadline_is_taken_back() {
    let handle = handle(1.0);
    let (old, _) = HostileService::new(|_| Answer::Ok(0));
    let (new, hanging) = HostileService::new(|_| Answer::<u64, Error>::Hang);
    let service = Rollout::new(handle.clone(), old, new);
    let second = Duration::from_secs(1);
    for _ in 0..20 {
        let context = CallContext::default().within(second, tokio::time::Instant::now().into_std());
        let call = context.scope(service.clone().oneshot(1));
        assert!(tokio::time::timeout(second, call).await.is_err());
    }
    assert!(handle.is_rolled_back());
    assert_eq!(hanging.counts().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_says_nothing_about_the_canary() {
    let handle = handle(1.0);
    let (old, _) = HostileService::new(|_| Answer::Ok(0));
    let (new, _control) = HostileService::new(|_| Answer::<u64, Error>::Hang);
    let service = Rollout::new(handle.clone(), old, new);
    for _ in 0..100 {
        let call = service.clone().oneshot(1);
        assert!(tokio::time::timeout(Duration::from_millis(1), call).await.is_err());
    }
    assert!(!handle.is_rolled_back());
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_hangs_is_taken_back_when_callers_drop_its_calls_late() {
    let handle = handle(1.0);
    let (old, _) = HostileService::new(|_| Answer::Ok(0));
    let (new, _control) = HostileService::new(|_| Answer::<u64, Error>::Hang);
    let service = Rollout::new(handle.clone(), old, new);
    let slow = RolloutConfig::default().slow_call_duration;
    let call = || tokio::spawn(tokio::time::timeout(slow, service.clone().oneshot(1)));
    let calls: Vec<_> = (0..20).map(|_| call()).collect();
    for call in calls {
        assert!(call.await.unwrap().is_err());
    }
    assert!(handle.is_rolled_back());
}

#[tokio::test]
async fn no_configuration_is_lost_to_a_weight_that_is_set_at_the_same_time() {
    let (old, _) = HostileService::<u64, u64, Error>::new(|_| Answer::Ok(0));
    let (new, _) = HostileService::new(|_| Answer::failure(FailureKind::Transient));
    for _ in 0..200 {
        let handle = handle(1.0);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    handle.set_weight(1.0).unwrap();
                }
            });
            for number in (1..=50).rev() {
                let config = RolloutConfig {
                    weight: 1.0,
                    minimum_number_of_calls: number.try_into().unwrap(),
                    ..RolloutConfig::default()
                };
                handle.reconfigure(&config).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        let service = Rollout::new(handle.clone(), old.clone(), new.clone());
        assert!(service.oneshot(1).await.is_err());
        assert!(handle.is_rolled_back(), "one call is enough by the last configuration");
    }
}

#[tokio::test]
async fn a_canary_that_is_never_ready_holds_up_nobody_else() {
    struct NeverReady;
    impl Service<u64> for NeverReady {
        type Response = u64;
        type Error = Error;
        type Future = std::future::Ready<Result<u64, Error>>;
        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
            std::task::Poll::Pending
        }
        fn call(&mut self, _: u64) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    impl Clone for NeverReady {
        fn clone(&self) -> Self {
            Self
        }
    }
    let calls = AtomicU32::new(0);
    let old = service_fn(|request| {
        calls.fetch_add(1, Ordering::Relaxed);
        async move { Ok::<_, Error>(request) }
    });
    let service = Rollout::new(handle(0.0), old, NeverReady);
    assert_eq!(service.oneshot(7).await.unwrap(), 7);
    assert_eq!(calls.into_inner(), 1);
}
