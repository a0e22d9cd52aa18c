//! What tower asks of every layer, checked of every layer here, over an inner service that panics when it is called
//! without being ready and whose clones are never ready.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{ByKind, CallContext, CircuitBreakerConfig, Error, FailureKind, Idempotency};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::{
    AttemptTimeoutLayer, CircuitBreakerHandle, CircuitBreakerLayer, DeadlineLayer, Identity, Pipeline,
    PipelineConfig, RetryConfig, RetryLayer, RetryPolicy,
};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

type Guarded = BoxCloneSyncService<&'static str, &'static str, Error>;
type Control = Hostile<&'static str, Error>;

const SECOND: Duration = Duration::from_secs(1);

fn retry_policy() -> RetryPolicy {
    RetryPolicy::new(&RetryConfig { max_attempts: NonZeroU32::new(3).unwrap(), ..RetryConfig::default() })
        .unwrap()
        .unspecified_is(Idempotency::Idempotent)
        .without_budget()
        .seed(7)
}

fn breaker() -> CircuitBreakerHandle {
    CircuitBreakerHandle::seeded(Identity::default(), &CircuitBreakerConfig::default(), 7).unwrap()
}

fn pipeline() -> Pipeline {
    Pipeline::new("test", &PipelineConfig::default(), ByKind, Arc::new(())).unwrap()
}

/// Boxing also pins that every service is `Clone + Send + Sync` and every future `Send`.
fn boxed<S>(service: S) -> Guarded
where
    S: Service<&'static str, Response = &'static str, Error = Error> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    BoxCloneSyncService::new(service)
}

/// A layer and its name.
type Named = (&'static str, fn(Guarded) -> Guarded);

/// Every layer.
const LAYERS: [Named; 6] = [
    ("deadline", |inner| boxed(DeadlineLayer::new(30 * SECOND).layer(inner))),
    ("attempt timeout", |inner| boxed(AttemptTimeoutLayer::new(30 * SECOND).layer(inner))),
    ("retry", |inner| boxed(RetryLayer::new(retry_policy()).layer(inner))),
    ("circuit breaker", |inner| boxed(CircuitBreakerLayer::new(breaker()).layer(inner))),
    ("pipeline", |inner| boxed(pipeline().layer("target").layer(inner))),
    ("tower's retry by our policy", |inner| {
        boxed(tower::retry::RetryLayer::new(retry_policy()).layer(inner))
    }),
];

fn hostile() -> (Guarded, Control) {
    let (service, control) = HostileService::echo();
    (boxed(service), control)
}

fn from_box(error: tower::BoxError) -> Error {
    Error::from_boxed(error, "tower", "stock layer")
}

/// Tower's own layers, which hold readiness in ways of their own.
const STOCK: [Named; 3] = [
    ("concurrency limit", |inner| boxed(ServiceBuilder::new().concurrency_limit(1).service(inner))),
    ("buffer", |inner| boxed(ServiceBuilder::new().map_err(from_box).buffer(4).service(inner))),
    ("load shed", |inner| boxed(ServiceBuilder::new().map_err(from_box).load_shed().service(inner))),
];

#[tokio::test(start_paused = true)]
async fn an_inner_service_is_called_only_when_it_is_ready() {
    for (name, layer) in LAYERS {
        let (inner, control) = hostile();
        let mut service = layer(inner);
        for _ in 0..3 {
            control.readiness([Readiness::Pending(2)]);
            assert_eq!(service.ready().await.unwrap().call("hello").await.unwrap(), "hello", "{name}");
        }
        assert_eq!(control.counts().calls, 3, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clone_is_not_ready_and_does_not_take_the_readiness_of_the_original() {
    for (name, layer) in LAYERS {
        let (inner, control) = hostile();
        let mut original = layer(inner);
        original.ready().await.unwrap();
        let mut clone = original.clone();
        let polls = control.counts().polls;
        assert_eq!(clone.ready().await.unwrap().call("clone").await.unwrap(), "clone", "{name}");
        assert!(control.counts().polls > polls, "{name}: the clone asked for itself");
        assert_eq!(original.call("original").await.unwrap(), "original", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_is_stable_over_repeated_polls() {
    for (name, layer) in LAYERS {
        let (inner, control) = hostile();
        let mut service = layer(inner);
        for _ in 0..5 {
            service.ready().await.unwrap();
        }
        assert_eq!(control.counts().holding, 1, "{name}");
        service.call("once").await.unwrap();
        assert_eq!(control.counts().holding, 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn back_pressure_passes_through_and_ends_with_a_wake_up() {
    for (name, layer) in LAYERS {
        let (inner, control) = hostile();
        control.readiness([Readiness::Blocked]);
        let mut service = layer(inner);
        let mut ready = task::spawn(async { service.ready().await.map(|_| ()) });
        assert_pending!(ready.poll(), "{name}");
        control.unblock();
        assert!(ready.is_woken(), "{name}");
        assert_ready_ok!(ready.poll(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_passes_through() {
    for (name, layer) in LAYERS {
        let (inner, control) = hostile();
        control.readiness([Readiness::Err(Error::new(FailureKind::Permanent, "hostile", "gone"))]);
        let mut service = layer(inner);
        let mut ready = task::spawn(async { service.ready().await.map(|_| ()) });
        let error = assert_ready_err!(ready.poll(), "{name}");
        assert_eq!(error.name(), "gone", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_ready_service_gives_its_readiness_back() {
    for (name, layer) in LAYERS {
        let (inner, control) = hostile();
        let mut service = layer(inner);
        service.ready().await.unwrap();
        assert_eq!(control.counts().holding, 1, "{name}");
        drop(service);
        let counts = control.counts();
        assert_eq!((counts.holding, counts.released, counts.instances), (0, 1, 0), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_point_leaves_nothing_behind() {
    for (name, layer) in LAYERS {
        let mut dropped_while_pending = 0;
        for polls in 0..60 {
            let (inner, control) = hostile();
            // Slow to be ready, two slow failures, and an answer: as many points to stop at as there are.
            let slow = |answer: Answer<_, _>| answer.after(Duration::from_millis(20));
            control.readiness((0..3).map(|_| Readiness::Pending(2)));
            control.answers([
                slow(Answer::failure(FailureKind::Transient)),
                slow(Answer::failure(FailureKind::Timeout)),
                slow(Answer::Ok("done")),
            ]);
            let service = layer(inner);
            let mut call = task::spawn(service.clone().oneshot("hello"));
            let mut done = false;
            for _ in 0..polls {
                if call.poll().is_ready() {
                    done = true;
                    break;
                }
                tokio::time::advance(Duration::from_millis(5)).await;
            }
            dropped_while_pending += u32::from(!done);
            drop(call);
            let counts = control.counts();
            assert_eq!((counts.in_flight, counts.holding), (0, 0), "{name} dropped after {polls} polls");
            assert_eq!(counts.calls, counts.completed + counts.dropped, "{name} dropped after {polls} polls");

            drop(service);
            assert_eq!(control.counts().instances, 0, "{name} dropped after {polls} polls");
        }
        assert!(dropped_while_pending >= 5, "{name}: only {dropped_while_pending} points to stop at");
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_outlives_a_panic_of_the_inner_service() {
    for (name, layer) in LAYERS {
        let (inner, control) = hostile();
        control.answers([Answer::Panic]);
        let service = layer(inner);
        let panicked = tokio::spawn(service.clone().oneshot("hello")).await;
        assert!(panicked.unwrap_err().is_panic(), "{name}");
        assert_eq!(service.oneshot("again").await.unwrap(), "again", "{name}");
        assert_eq!(control.counts().in_flight, 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn layers_work_above_towers_own() {
    for (name, layer) in LAYERS {
        for (stock, tower_layer) in STOCK {
            let (inner, control) = hostile();
            control.answers([Answer::Ok("first").after(SECOND), Answer::Ok("second").after(SECOND)]);
            let service = layer(tower_layer(inner));
            for expected in ["first", "second", "hello"] {
                let mut service = service.clone();
                let answer = service.ready().await.unwrap().call("hello").await;
                assert_eq!(answer.unwrap(), expected, "{name} above {stock}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn layers_work_below_towers_own() {
    for (name, layer) in LAYERS {
        for (stock, tower_layer) in STOCK {
            let (inner, control) = hostile();
            control.readiness([Readiness::Pending(0), Readiness::Pending(0)]);
            let service = tower_layer(layer(inner));
            for _ in 0..3 {
                assert_eq!(service.clone().oneshot("hello").await.unwrap(), "hello", "{name} below {stock}");
            }
            assert_eq!(control.counts().calls, 3, "{name} below {stock}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failing_calls_over_a_limit_of_one_never_wedge_it() {
    for (name, layer) in LAYERS {
        let (inner, control) = hostile();
        let limited = boxed(ServiceBuilder::new().concurrency_limit(1).service(inner));
        let service = layer(limited);
        control.answers((0..4).map(|_| Answer::failure(FailureKind::Transient).after(SECOND)));
        let calls: Vec<_> = (0..4).map(|_| tokio::spawn(service.clone().oneshot("hello"))).collect();
        for call in calls {
            let _either =
                tokio::time::timeout(60 * SECOND, call).await.unwrap_or_else(|_| panic!("{name} hangs"));
        }
        assert_eq!(control.counts().peak_in_flight, 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_layer_hands_the_context_on() {
    for (name, layer) in LAYERS {
        let inner = tower::service_fn(|_: &'static str| {
            // Both when it is called and when it is polled.
            let called = CallContext::current_deadline();
            async move {
                tokio::task::yield_now().await;
                assert_eq!(CallContext::current_deadline(), called);
                Ok::<_, Error>(if called.is_some() { "deadline" } else { "none" })
            }
        });
        let now = tokio::time::Instant::now().into_std();
        let context = CallContext::default().within(SECOND, now);
        let answer = context.scope(layer(boxed(inner)).oneshot("hello")).await.unwrap();
        assert_eq!(answer, "deadline", "{name}");
    }
}

#[test]
fn a_layer_shows_its_inner_service() {
    let mut service = DeadlineLayer::new(SECOND)
        .layer(RetryLayer::new(retry_policy()).layer(AttemptTimeoutLayer::new(SECOND).layer(5)));
    assert_eq!(*service.get_ref().get_ref().get_ref(), 5);
    *service.get_mut().get_mut().get_mut() = 6;
    assert_eq!(service.into_inner().into_inner().into_inner(), 6);

    let mut service = pipeline().layer("target").layer(5);
    *service.get_mut() += 1;
    assert_eq!(*service.get_ref(), 6);
    assert_eq!(service.into_inner(), 6);
    assert_eq!(CircuitBreakerLayer::new(breaker()).layer(7).into_inner(), 7);
}

#[tokio::test]
async fn a_ready_call_is_ready_at_its_first_poll() {
    for (name, layer) in LAYERS {
        let (inner, _control) = hostile();
        let mut call = task::spawn(layer(inner).oneshot("hello"));
        let answer = assert_ready!(call.poll(), "{name}");
        assert_eq!(answer.unwrap(), "hello", "{name}");
    }
}
