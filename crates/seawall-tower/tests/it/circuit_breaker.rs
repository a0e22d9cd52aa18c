use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CallContext, CircuitBreakerConfig, CircuitState, Error, Event, FailureKind, Jitter};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::{
    AttemptTimeoutLayer, CircuitBreaker, CircuitBreakerHandle, CircuitBreakerLayer, Identity, PipelineConfig,
};
use tokio_test::{assert_pending, task};
use tower::{Layer, Service, ServiceExt};

use crate::recorder::Recorder;

type Inner = HostileService<&'static str, &'static str, Error>;

struct Bench {
    service: CircuitBreaker<Inner, seawall_core::ByKind>,
    control: Hostile<&'static str, Error>,
    breaker: CircuitBreakerHandle,
    recorder: Arc<Recorder>,
}

fn bench() -> Bench {
    let recorder = Arc::new(Recorder::default());
    let config = CircuitBreakerConfig {
        wait_jitter: Jitter::None,
        ramp: Duration::ZERO,
        ..CircuitBreakerConfig::eager()
    };
    let breaker = CircuitBreakerHandle::new(recorder.identity(), &config).unwrap();
    let (inner, control) = HostileService::echo();
    let service = CircuitBreakerLayer::new(breaker.clone()).layer(inner);
    Bench { service, control, breaker, recorder }
}

impl Bench {
    async fn call(&self) -> Result<&'static str, Error> {
        self.service.clone().oneshot("hello").await
    }

    async fn open(&self) {
        self.control.answers((0..5).map(|_| Answer::failure(FailureKind::Transient)));
        for _ in 0..5 {
            self.call().await.unwrap_err();
        }
        assert_eq!(self.breaker.state(), CircuitState::Open);
    }

    async fn half_open(&self) {
        self.open().await;
        tokio::time::advance(Duration::from_secs(5)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn open_circuit_answers_without_touching_the_inner_service() {
    let bench = bench();
    bench.open().await;
    let before = bench.control.counts();
    let error = bench.call().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
    assert_eq!((error.layer(), error.name()), ("circuit_breaker", "target"));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
    assert!(!error.may_have_executed());
    let after = bench.control.counts();
    assert_eq!((after.polls, after.calls), (before.polls, before.calls));
}

#[tokio::test(start_paused = true)]
async fn open_circuit_over_a_service_that_is_never_ready_still_answers() {
    let bench = bench();
    bench.open().await;
    bench.control.readiness([Readiness::Blocked]);
    assert_eq!(bench.call().await.unwrap_err().kind(), FailureKind::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_opens_and_closes_and_tells_so() {
    let bench = bench();
    bench.half_open().await;
    for _ in 0..3 {
        bench.call().await.unwrap();
    }
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
    let wait = Duration::from_secs(5);
    assert_eq!(
        bench.recorder.of("circuit_breaker"),
        [Event::Opened { wait }, Event::HalfOpened, Event::Closed]
    );
}

#[tokio::test(start_paused = true)]
async fn dropped_probes_give_their_place_back() {
    let bench = bench();
    bench.half_open().await;
    for _ in 0..20 {
        bench.control.answers([Answer::Hang]);
        let mut call = task::spawn(bench.service.clone().oneshot("hello"));
        assert_pending!(call.poll());
    }
    assert_eq!(bench.control.counts().calls, 25, "every one of them was let in");
    assert_eq!(bench.breaker.state(), CircuitState::HalfOpen);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_ready_and_never_called_gives_its_place_back() {
    let bench = bench();
    bench.half_open().await;
    for _ in 0..20 {
        let mut service = bench.service.clone();
        service.ready().await.unwrap();
    }
    bench.call().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn hanging_probes_hold_the_circuit_for_one_lease() {
    let bench = bench();
    bench.half_open().await;
    bench.control.answers((0..5).map(|_| Answer::Hang));
    let mut hanging: Vec<_> = (0..5).map(|_| task::spawn(bench.service.clone().oneshot("hello"))).collect();
    for call in &mut hanging {
        assert_pending!(call.poll());
    }
    assert_eq!(bench.call().await.unwrap_err().kind(), FailureKind::Refused);
    tokio::time::advance(Duration::from_secs(15)).await;
    bench.call().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_the_circuit_opened_does_not_decide_about_the_time_after() {
    let bench = bench();
    bench.control.answers([Answer::failure(FailureKind::Transient).held()]);
    let mut late = task::spawn(bench.service.clone().oneshot("late"));
    assert_pending!(late.poll());
    bench.half_open().await;
    bench.call().await.unwrap();
    bench.control.release(1);
    late.await.unwrap_err();
    assert_eq!(bench.breaker.state(), CircuitState::HalfOpen);
    bench.call().await.unwrap();
    bench.call().await.unwrap();
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_opened_after_readiness_refuses_the_call() {
    let mut bench = bench();
    bench.service.ready().await.unwrap();
    bench.open().await;
    let calls = bench.control.counts().calls;
    assert_eq!(bench.service.call("hello").await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(bench.control.counts().calls, calls);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_was_ready_is_refused_once_the_circuit_is_shut() {
    for forced in [true, false] {
        let bench = bench();
        bench.half_open().await;
        let mut probe = bench.service.clone();
        probe.ready().await.unwrap();
        if forced {
            bench.breaker.force_open();
        } else {
            bench.control.answers((0..3).map(|_| Answer::failure(FailureKind::Transient)));
            for _ in 0..3 {
                bench.call().await.unwrap_err();
            }
            assert_eq!(bench.breaker.state(), CircuitState::Open);
        }
        let calls = bench.control.counts().calls;
        assert_eq!(probe.call("hello").await.unwrap_err().kind(), FailureKind::Refused, "forced: {forced}");
        assert_eq!(bench.control.counts().calls, calls);
    }
}

#[tokio::test(start_paused = true)]
async fn callers_who_come_too_late_say_nothing_of_the_backend() {
    let bench = bench();
    let guarded = AttemptTimeoutLayer::new(Duration::from_secs(1)).layer(bench.service.get_ref().clone());
    let service = CircuitBreakerLayer::new(bench.breaker.clone()).layer(guarded);
    let late = CallContext::default().deadline(tokio::time::Instant::now().into_std());
    for _ in 0..5 {
        let error = late.clone().scope(service.clone().oneshot("hello")).await.unwrap_err();
        assert_eq!((error.layer(), error.kind()), ("attempt_timeout", FailureKind::Refused));
    }
    assert_eq!((bench.breaker.state(), bench.control.counts().calls), (CircuitState::Closed, 0));

    // Not as probes either.
    bench.half_open().await;
    for _ in 0..5 {
        late.clone().scope(service.clone().oneshot("hello")).await.unwrap_err();
    }
    assert_eq!(bench.breaker.state(), CircuitState::HalfOpen);
    for _ in 0..3 {
        service.clone().oneshot("hello").await.unwrap();
    }
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn by_the_default_numbers_probes_that_hang_until_they_time_out_open_it_again() {
    let bench = bench();
    bench.half_open().await;
    let attempt = AttemptTimeoutLayer::optional(PipelineConfig::default().attempt_timeout);
    let guarded = attempt.layer(bench.service.get_ref().clone());
    let service = CircuitBreakerLayer::new(bench.breaker.clone()).layer(guarded);
    bench.control.answers((0..5).map(|_| Answer::Hang));
    let probes: Vec<_> = (0..5).map(|_| tokio::spawn(service.clone().oneshot("hello"))).collect();
    for probe in probes {
        assert_eq!(probe.await.unwrap().unwrap_err().kind(), FailureKind::Timeout);
    }
    assert_eq!(bench.breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_readiness_promised_is_kept() {
    let mut bench = bench();
    bench.open().await;
    bench.service.ready().await.unwrap();
    tokio::time::advance(Duration::from_secs(5)).await;
    // The inner service was not polled: the call must not reach it, though the circuit would let it in by now.
    assert_eq!(bench.service.call("hello").await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(bench.service.ready().await.unwrap().call("hello").await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn errors_of_readiness_count() {
    let bench = bench();
    let failed = || Readiness::Err(Error::new(FailureKind::Transient, "hostile", "unreachable"));
    bench.control.readiness((0..5).map(|_| failed()));
    for _ in 0..5 {
        bench.call().await.unwrap_err();
    }
    assert_eq!(bench.breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn slow_calls_open_the_circuit_and_idle_readiness_is_not_slow() {
    let bench = bench();
    for _ in 0..20 {
        let mut service = bench.service.clone();
        service.ready().await.unwrap();
        tokio::time::advance(Duration::from_millis(100)).await;
        service.call("hello").await.unwrap();
    }
    let config = CircuitBreakerConfig {
        slow_call_duration: Duration::from_millis(50),
        ..CircuitBreakerConfig::eager()
    };
    bench.breaker.reconfigure(&config).unwrap();
    for _ in 0..100 {
        let mut service = bench.service.clone();
        service.ready().await.unwrap();
        tokio::time::advance(Duration::from_millis(100)).await;
        service.call("hello").await.unwrap();
    }
    assert_eq!(bench.breaker.state(), CircuitState::Closed, "idle");
    tokio::time::advance(Duration::from_secs(10)).await;
    bench.control.answers((0..20).map(|_| Answer::Ok("slow").after(Duration::from_millis(50))));
    for _ in 0..20 {
        bench.call().await.unwrap();
    }
    assert_eq!(bench.breaker.state(), CircuitState::Open, "slow");
}

#[tokio::test(start_paused = true)]
async fn where_slow_calls_do_not_count_they_are_not_measured_until_they_do() {
    for observed in [false, true] {
        let recorder = Arc::new(Recorder::default());
        let identity = if observed { recorder.identity() } else { Identity::default() };
        let on = CircuitBreakerConfig {
            slow_call_rate_threshold: Some(0.1),
            slow_call_duration: Duration::from_secs(1),
            time_window: None,
            ..CircuitBreakerConfig::eager()
        };
        let off = CircuitBreakerConfig { slow_call_rate_threshold: None, ..on.clone() };
        let breaker = CircuitBreakerHandle::new(identity, &off).unwrap();
        let (inner, control) = HostileService::<&str, &str, Error>::echo();
        let service = CircuitBreakerLayer::new(breaker.clone()).layer(inner);
        for _ in 0..200 {
            control.answers([Answer::Ok("slow").after(Duration::from_secs(2))]);
            service.clone().oneshot("hello").await.unwrap();
        }
        // The window remembers 100 calls, of which none was slow.
        breaker.reconfigure(&on).unwrap();
        for call in 1..=10 {
            assert_eq!(breaker.state(), CircuitState::Closed, "before slow call {call}");
            control.answers([Answer::Ok("slow").after(Duration::from_secs(2))]);
            service.clone().oneshot("hello").await.unwrap();
        }
        assert_eq!(breaker.state(), CircuitState::Open);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_told_with_its_time_though_slow_calls_do_not_count() {
    let recorder = Arc::new(Recorder::default());
    let config = CircuitBreakerConfig {
        slow_call_rate_threshold: None,
        time_window: None,
        ..CircuitBreakerConfig::eager()
    };
    let breaker = CircuitBreakerHandle::new(recorder.identity(), &config).unwrap();
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::Hang]);
    let service = CircuitBreakerLayer::new(breaker).layer(inner);
    let mut call = task::spawn(service.oneshot("hello"));
    assert_pending!(call.poll());
    tokio::time::advance(Duration::from_secs(3)).await;
    drop(call);
    assert_eq!(recorder.of("circuit_breaker"), [Event::Abandoned { elapsed: Duration::from_secs(3) }]);
}

#[tokio::test]
async fn an_operator_switches_the_circuit_and_it_is_told() {
    let bench = bench();
    bench.breaker.force_open();
    let error = bench.call().await.unwrap_err();
    assert_eq!(error.to_string(), "circuit_breaker `target`: circuit is forced open");
    bench.breaker.force_closed();
    bench.call().await.unwrap();
    bench.breaker.disable();
    bench.breaker.watch_only();
    bench.breaker.auto();
    bench.breaker.auto();
    let states: Vec<_> = bench
        .recorder
        .of("circuit_breaker")
        .into_iter()
        .filter_map(|event| match event {
            Event::Forced { state } => Some(state),
            _ => None,
        })
        .collect();
    assert_eq!(states, ["forced_open", "forced_closed", "disabled", "metrics_only", "auto"]);
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
}

#[tokio::test]
async fn services_of_one_handle_share_one_circuit() {
    let bench = bench();
    let (other, _) = HostileService::<&str, &str, Error>::echo();
    let other = CircuitBreakerLayer::new(bench.breaker.clone()).layer(other);
    bench.open().await;
    assert_eq!(other.oneshot("hello").await.unwrap_err().kind(), FailureKind::Refused);
}

#[tokio::test]
async fn a_classifier_of_ones_own_decides_what_a_failure_is() {
    use seawall_core::Outcome;
    let bench = bench();
    let (inner, _) = HostileService::<u16, u16, Error>::echo();
    let layer =
        CircuitBreakerLayer::new(bench.breaker.clone()).classifier(
            |result: Result<&u16, &Error>| match result {
                Ok(503) => {
                    Outcome::failure(FailureKind::Overloaded { retry_after: Some(Duration::from_secs(9)) })
                }
                _ => Outcome::Success,
            },
        );
    let service = layer.layer(inner);
    for _ in 0..5 {
        assert_eq!(service.clone().oneshot(503).await.unwrap(), 503);
    }
    let error = service.oneshot(200).await.unwrap_err();
    assert!(error.retry_after().unwrap() > Duration::from_secs(8), "{error}");
}

#[test]
fn threads_that_open_probe_and_close_it_at_once_never_wedge_it() {
    let config = CircuitBreakerConfig {
        wait_duration_in_open: Duration::from_nanos(1),
        max_wait_duration_in_open: Duration::from_nanos(1),
        ramp: Duration::ZERO,
        ..CircuitBreakerConfig::eager()
    };
    let recorder = Arc::new(Recorder::default());
    let breaker = CircuitBreakerHandle::new(recorder.identity(), &config).unwrap();
    let calls = |seed, breaker: CircuitBreakerHandle| {
        let mut rng = fastrand::Rng::with_seed(seed);
        let inner = tower::service_fn(move |fail: bool| async move {
            if fail { Err(Error::new(FailureKind::Transient, "inner", "inner")) } else { Ok(()) }
        });
        let service = CircuitBreakerLayer::new(breaker).layer(inner);
        for _ in 0..5_000 {
            let mut call = task::spawn(service.clone().oneshot(rng.u8(..) < 200));
            // Some are dropped unpolled, the others are ready at once.
            if rng.bool() {
                assert!(call.poll().is_ready());
            }
        }
    };
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let breaker = breaker.clone();
            scope.spawn(move || calls(seed, breaker));
        }
    });
    // Every opening but the last led to a half-open round, whatever order the threads told them in.
    let told = recorder.of("circuit_breaker");
    let openings = told.iter().filter(|event| matches!(event, Event::Opened { .. })).count();
    let rounds = told.iter().filter(|event| **event == Event::HalfOpened).count();
    assert!(openings > 10 && openings - rounds <= 1, "{openings} openings, {rounds} rounds");
    let service =
        CircuitBreakerLayer::new(breaker.clone()).layer(tower::service_fn(|()| async { Ok::<_, Error>(()) }));
    for _ in 0..5 {
        let mut call = task::spawn(service.clone().oneshot(()));
        assert!(call.poll().is_ready());
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
}
