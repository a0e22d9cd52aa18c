//! Chaos: the faults that are asked for, in the share that is asked for, and only while they are.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{
    ChaosConfig, CircuitBreakerConfig, CircuitState, Error, Event, FailureKind, Idempotency, InjectedError,
};
use seawall_testkit::hostile::{Hostile, HostileService};
use seawall_tower::{
    AttemptTimeoutLayer, Chaos, ChaosHandle, ChaosLayer, CircuitBreakerHandle, Identity, RetryConfig,
    RetryPolicy, ServiceBuilderExt as _,
};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use crate::contract::{self, boxed, layer};
use crate::recorder::Recorder;

type Inner = HostileService<u32, u32, Error>;

const SECOND: Duration = Duration::from_secs(1);

fn config(change: impl FnOnce(&mut ChaosConfig)) -> ChaosConfig {
    let mut config = ChaosConfig { enabled: true, ..ChaosConfig::default() };
    change(&mut config);
    config
}

fn handle(config: &ChaosConfig) -> ChaosHandle {
    ChaosHandle::seeded(Identity::default(), config, 7).unwrap()
}

fn chaos(config: &ChaosConfig) -> (Chaos<Inner>, Hostile<u32, Error>) {
    let (inner, control) = Inner::echo();
    (ChaosLayer::new(handle(config)).layer(inner), control)
}

#[tokio::test]
async fn nothing_happens_until_it_is_enabled() {
    let config = ChaosConfig { error_rate: 1.0, ..ChaosConfig::default() };
    let (service, control) = chaos(&config);
    for call in 0..100 {
        assert_eq!(service.clone().oneshot(call).await.unwrap(), call);
    }
    assert_eq!(control.counts().calls, 100);
}

#[tokio::test]
async fn the_same_seed_meets_the_same_calls_and_another_meets_others() {
    async fn failed(seed: u64) -> Vec<u32> {
        let config = config(|config| config.error_rate = 0.3);
        let chaos = ChaosHandle::seeded(Identity::default(), &config, seed).unwrap();
        let service = ChaosLayer::new(chaos).layer(Inner::echo().0);
        let mut failed = vec![];
        for call in 0..100 {
            if service.clone().oneshot(call).await.is_err() {
                failed.push(call);
            }
        }
        failed
    }
    let first = failed(1).await;
    assert_eq!(first, failed(1).await);
    assert_ne!(first, failed(2).await);
    assert!((15..45).contains(&first.len()), "{first:?}");
}

#[tokio::test]
async fn an_error_is_of_the_kind_asked_for_and_the_call_is_not_made() {
    let wait = Some(2 * SECOND);
    for (kind, expected) in [
        (InjectedError::Transient, FailureKind::Transient),
        (InjectedError::Timeout, FailureKind::Timeout),
        (InjectedError::Overloaded, FailureKind::Overloaded { retry_after: wait }),
        (InjectedError::Permanent, FailureKind::Permanent),
    ] {
        let config = config(|config| {
            (config.error_rate, config.error_kind, config.retry_after) = (1.0, kind, wait);
        });
        let (service, control) = chaos(&config);
        let error = service.oneshot(1).await.unwrap_err();
        assert_eq!((error.kind(), error.layer()), (expected, "chaos"));
        let asks_to_wait = matches!(expected, FailureKind::Overloaded { .. });
        assert_eq!(error.retry_after(), wait.filter(|_| asks_to_wait));
        assert!(!error.may_have_executed());
        assert_eq!(control.counts().calls, 0);
    }
}

#[tokio::test]
async fn a_lost_answer_is_one_of_a_call_that_was_made() {
    let (service, control) = chaos(&config(|config| config.loss_rate = 1.0));
    let error = service.oneshot(1).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient);
    assert!(error.may_have_executed());
    assert_eq!(control.counts().completed, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_held_back_within_the_bounds() {
    let (least, most) = (SECOND, 3 * SECOND);
    let (service, _control) = chaos(&config(|config| {
        (config.latency_rate, config.min_latency, config.max_latency) = (1.0, least, most);
    }));
    let mut took = vec![];
    for call in 0..50 {
        let began = Instant::now();
        assert_eq!(service.clone().oneshot(call).await.unwrap(), call);
        took.push(began.elapsed());
    }
    // Tokio's timer counts whole milliseconds.
    let about = Duration::from_millis(1);
    assert!(took.iter().all(|took| (least..=most + about).contains(took)), "{took:?}");
    assert!(took.iter().any(|took| *took < 2 * SECOND) && took.iter().any(|took| *took > 2 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn errors_and_lost_answers_come_late_too() {
    let faults: [fn(&mut ChaosConfig); 2] =
        [|config| config.error_rate = 1.0, |config| config.loss_rate = 1.0];
    for fault in faults {
        let (service, _control) = chaos(&config(|config| {
            fault(config);
            (config.latency_rate, config.min_latency, config.max_latency) = (1.0, SECOND, SECOND);
        }));
        let began = Instant::now();
        service.oneshot(1).await.unwrap_err();
        assert_eq!(began.elapsed(), SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_ended_by_the_time_limit_outside() {
    let (inner, control) = Inner::echo();
    let chaos = handle(&config(|config| (config.hang_rate, config.latency_rate) = (1.0, 1.0)));
    let service = ServiceBuilder::new().attempt_timeout(5 * SECOND).chaos(chaos).service(inner);
    let began = Instant::now();
    let error = service.oneshot(1).await.unwrap_err();
    assert_eq!((error.kind(), error.layer()), (FailureKind::Timeout, "attempt_timeout"));
    assert_eq!((began.elapsed(), control.counts().calls), (5 * SECOND, 0));
}

#[test]
fn a_call_that_is_not_made_gives_its_place_back() {
    let faults: [fn(&mut ChaosConfig); 2] =
        [|config| config.error_rate = 1.0, |config| config.hang_rate = 1.0];
    for fault in faults {
        let limited = ConcurrencyLimit::new(Inner::echo().0, 1);
        let chaos = handle(&config(fault));
        let service = ChaosLayer::new(chaos.clone()).layer(limited);
        let mut idle = task::spawn(service.clone());
        assert_ready_ok!(idle.enter(|cx, mut service| service.poll_ready(cx)));
        let _result = task::spawn(idle.call(1)).poll();
        chaos.disable();
        assert_eq!(assert_ready_ok!(task::spawn(service.oneshot(2)).poll()), 2);
    }
}

#[test]
fn switching_takes_effect_at_the_next_call_and_is_told() {
    let recorder = Arc::<Recorder>::default();
    let config = config(|config| config.error_rate = 1.0);
    let chaos = ChaosHandle::seeded(recorder.identity(), &config, 7).unwrap();
    let mut service = task::spawn(ChaosLayer::new(chaos.clone()).layer(Inner::echo().0));
    assert_ready_ok!(service.enter(|cx, mut service| service.poll_ready(cx)));
    // Between readiness and call.
    chaos.disable();
    chaos.disable();
    assert!(!chaos.is_enabled());
    assert_ready_ok!(task::spawn(service.call(1)).poll());

    assert_ready_ok!(service.enter(|cx, mut service| service.poll_ready(cx)));
    chaos.enable();
    assert!(chaos.is_enabled());
    assert_ready_err!(task::spawn(service.call(2)).poll());
    let injected = Event::FaultInjected { fault: "error" };
    assert_eq!(recorder.of("chaos"), [Event::Reconfigured, Event::Reconfigured, injected]);
}

#[test]
fn a_bad_configuration_is_refused_and_the_old_one_stays() {
    let recorder = Arc::<Recorder>::default();
    let chaos = ChaosHandle::new(recorder.identity(), &config(|config| config.error_rate = 1.0)).unwrap();
    let invalid = chaos.reconfigure(&config(|config| config.hang_rate = 1.5)).unwrap_err();
    assert_eq!(invalid.to_string(), "hang_rate is 1.5: must be at least 0 and at most 1");
    let service = ChaosLayer::new(chaos.clone()).layer(Inner::echo().0);
    assert_ready_err!(task::spawn(service.clone().oneshot(1)).poll());

    chaos.reconfigure(&config(|config| config.hang_rate = 1.0)).unwrap();
    assert_pending!(task::spawn(service.oneshot(1)).poll());
    let faults = ["error", "hang"].map(|fault| Event::FaultInjected { fault });
    let expected = [Event::ReconfigurationRefused, faults[0], Event::Reconfigured, faults[1]];
    assert_eq!(recorder.of("chaos"), expected);
}

#[test]
fn all_services_of_a_handle_take_their_faults_from_one_sequence() {
    let config = config(|config| config.error_rate = 0.5);
    let run = |services: usize| -> Vec<bool> {
        let layer = ChaosLayer::new(handle(&config));
        let services: Vec<_> = (0..services).map(|_| layer.layer(Inner::echo().0)).collect();
        let call = |call: usize| task::spawn(services[call % services.len()].clone().oneshot(1)).poll();
        (0..50).map(|number| matches!(call(number), std::task::Poll::Ready(Ok(_)))).collect()
    };
    assert_eq!(run(1), run(5));
}

#[tokio::test(start_paused = true)]
async fn late_answers_can_be_dropped_at_any_point() {
    let late = layer("chaos that holds answers back", |inner| {
        let latency = Duration::from_millis(10);
        let chaos = handle(&config(|config| {
            (config.latency_rate, config.min_latency, config.max_latency) = (1.0, latency, latency);
        }));
        boxed(ChaosLayer::new(chaos).layer(inner))
    });
    contract::leaves_nothing_behind(&late, &[]).await;
    contract::leaves_nothing_behind(&late, &[2, 2]).await;
}

#[tokio::test(start_paused = true)]
async fn only_faults_of_calls_that_were_not_made_are_retried_where_repeating_would_do_harm() {
    for (fault, attempts) in [
        (ChaosConfig { error_rate: 1.0, ..config(|_| ()) }, 3),
        (ChaosConfig { loss_rate: 1.0, ..config(|_| ()) }, 1),
    ] {
        let max_attempts = NonZeroU32::new(3).unwrap();
        let policy = RetryPolicy::new(&RetryConfig { max_attempts, ..RetryConfig::default() })
            .unwrap()
            .unspecified_is(Idempotency::NotIdempotent);
        let service = ServiceBuilder::new().retry_with(policy).chaos(handle(&fault)).service(Inner::echo().0);
        assert_eq!(service.oneshot(1).await.unwrap_err().attempts(), attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_circuit_outside_opens_on_injected_hangs() {
    let breaker = CircuitBreakerHandle::new(Identity::default(), &CircuitBreakerConfig::eager()).unwrap();
    let chaos = handle(&config(|config| config.hang_rate = 1.0));
    let service = ServiceBuilder::new()
        .circuit_breaker(breaker.clone())
        .layer(AttemptTimeoutLayer::new(SECOND))
        .chaos(chaos)
        .service(Inner::echo().0);
    for call in 0..5 {
        assert_eq!(service.clone().oneshot(call).await.unwrap_err().kind(), FailureKind::Timeout);
    }
    assert_eq!(breaker.state(), CircuitState::Open);
}
