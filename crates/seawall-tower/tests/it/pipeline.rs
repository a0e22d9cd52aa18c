use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use seawall_core::{
    ByKind, CallContext, CircuitBreakerConfig, CircuitState, Error, Event, FailureKind, HedgeConfig,
    Idempotency, Jitter, Observer, Outcome, OutlierConfig, RateLimitConfig,
};
use seawall_testkit::hostile::{Answer, HostileService};
use seawall_tower::{
    Balance, BalanceConfig, BalanceHandle, ConcurrencyLimitConfig, Identity, Pipeline, PipelineConfig,
    RetryConfig,
};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::recorder::Recorder;

fn pipeline(config: &PipelineConfig) -> (Pipeline, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let observer = Arc::clone(&recorder) as Arc<dyn Observer>;
    (Pipeline::new("test", config, ByKind, observer).unwrap(), recorder)
}

/// A pipeline with more targets than the recorder knows.
fn unheard(config: &PipelineConfig) -> Pipeline {
    Pipeline::new("test", config, ByKind, Arc::new(())).unwrap()
}

/// A pipeline whose circuits open after a few failures.
fn opening_early() -> PipelineConfig {
    PipelineConfig { circuit_breaker: CircuitBreakerConfig::eager(), ..PipelineConfig::default() }
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
    // Three attempts of eight seconds, and what the waits left of the fourth.
    assert_eq!((error.kind(), began.elapsed()), (FailureKind::Timeout, Duration::from_secs(30)));
    assert_eq!(control.counts().calls, 4);
    assert_eq!(control.counts().in_flight, 0);
    let outcomes = recorder.of("pipeline");
    let [Event::Completed { outcome, elapsed }] = outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((outcome, elapsed), (Outcome::failure(FailureKind::Timeout), Duration::from_secs(30)));
}

#[tokio::test(start_paused = true)]
async fn layers_of_one_target_share_its_circuit_and_other_targets_have_their_own() {
    let (pipeline, _recorder) = pipeline(&opening_early());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers((0..5).map(|_| Answer::failure(FailureKind::Transient)));
    for _ in 0..5 {
        pipeline.layer("target").layer(inner.clone()).oneshot("hello").await.unwrap_err();
    }
    assert_eq!(pipeline.breaker("target").state(), CircuitState::Open);
    let error = pipeline.layer("target").layer(inner.clone()).oneshot("hello").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);

    // Nobody listens here: the recorder knows only one target.
    let pipeline = unheard(&PipelineConfig::default());
    pipeline.breaker("target").force_open();
    assert_eq!(pipeline.layer("another").layer(inner).oneshot("hello").await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn targets_are_listed_with_circuit_and_budget() {
    let pipeline = unheard(&PipelineConfig::default());
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
    let pipeline = unheard(&config);
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
async fn an_answer_that_takes_half_of_the_attempt_timeout_repays_half_of_the_retries_lent() {
    let pipeline = unheard(&PipelineConfig::default());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let service = pipeline.layer("target").layer(inner);
    control.answers((0..4).map(|_| Answer::failure(FailureKind::Transient)));
    idempotent().scope(service.clone().oneshot("hello")).await.unwrap_err();
    control.answers([Answer::Ok("late").after(Duration::from_millis(4_500))]);
    idempotent().scope(service.clone().oneshot("hello")).await.unwrap();
    // Three were lent. The rest was earned and trickled in.
    let balance = pipeline.targets()[0].budget_balance;
    assert!((1.5..2.5).contains(&balance), "{balance}");
    service.oneshot("hello").await.unwrap();
    assert!(pipeline.targets()[0].budget_balance > 3.0);
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

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_limit_wait_their_turn_and_are_shown() {
    let limit = ConcurrencyLimitConfig::fixed(NonZeroU32::MIN);
    let config = PipelineConfig { concurrency_limit: Some(limit), ..PipelineConfig::default() };
    let (pipeline, recorder) = pipeline(&config);
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::Hang]);
    let mut first = task::spawn(pipeline.layer("target").layer(inner.clone()).oneshot("first"));
    let mut second = task::spawn(pipeline.layer("target").layer(inner).oneshot("second"));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    let status = &pipeline.targets()[0];
    assert_eq!((status.limit, status.in_flight, status.waiting), (Some(1.0), 1, 1));
    assert_eq!(pipeline.concurrency_limit("target").in_flight(), 1);
    drop(first);
    assert!(second.is_woken());
    assert_eq!(assert_ready!(second.poll()).unwrap(), "second");
    assert!(matches!(recorder.of("concurrency_limit")[..], [Event::Dequeued { .. }]));
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_takes_no_place_and_no_permit() {
    let config = PipelineConfig {
        concurrency_limit: Some(ConcurrencyLimitConfig::fixed(NonZeroU32::MIN)),
        rate_limit: Some(RateLimitConfig::default()),
        ..PipelineConfig::default()
    };
    let (pipeline, _recorder) = pipeline(&config);
    pipeline.breaker("target").force_open();
    let (inner, _control) = HostileService::<&str, &str, Error>::echo();
    for _ in 0..20 {
        let error = pipeline.layer("target").layer(inner.clone()).oneshot("hello").await.unwrap_err();
        assert_eq!(error.layer(), "circuit_breaker");
    }
    assert_eq!(pipeline.rate_limiter("target").balance(), RateLimitConfig::default().burst.get());
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_without_a_place() {
    let limit = ConcurrencyLimitConfig::fixed(NonZeroU32::MIN);
    let config = PipelineConfig { concurrency_limit: Some(limit), ..PipelineConfig::default() };
    let (pipeline, _recorder) = pipeline(&config);
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::failure(FailureKind::Transient)]);
    let call = pipeline.layer("target").layer(inner).oneshot("hello");
    let mut call = task::spawn(idempotent().scope(call));
    assert_pending!(call.poll());
    assert_eq!((control.counts().calls, pipeline.targets()[0].in_flight), (1, 0));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(assert_ready!(call.poll()).unwrap(), "hello");
}

fn slow_rate() -> RateLimitConfig {
    let one = NonZeroU32::MIN;
    RateLimitConfig { limit: one, burst: one, max_wait: None, ..RateLimitConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn limits_are_switched_on_and_off_live_in_services_made_before() {
    let off = PipelineConfig { concurrency_limit: None, ..PipelineConfig::default() };
    let pipeline = unheard(&off);
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let service = pipeline.layer("target").layer(inner);
    let call = || service.clone().oneshot("hello");
    for _ in 0..100 {
        call().await.unwrap();
    }
    assert_eq!(pipeline.targets()[0].limit, None);

    pipeline.reconfigure(&PipelineConfig { rate_limit: Some(slow_rate()), ..off.clone() }).unwrap();
    call().await.unwrap();
    assert_eq!(call().await.unwrap_err().layer(), "rate_limit");
    pipeline.reconfigure(&off).unwrap();
    for _ in 0..100 {
        call().await.unwrap();
    }
    // What was owed before is owed still.
    pipeline.reconfigure(&PipelineConfig { rate_limit: Some(slow_rate()), ..off.clone() }).unwrap();
    assert_eq!(call().await.unwrap_err().layer(), "rate_limit");

    let mut one = ConcurrencyLimitConfig::fixed(NonZeroU32::MIN);
    one.queue.max_waiting = 0;
    pipeline.reconfigure(&PipelineConfig { concurrency_limit: Some(one), ..off.clone() }).unwrap();
    control.answers([Answer::Hang]);
    let mut hanging = task::spawn(call());
    assert_pending!(hanging.poll());
    assert_eq!(call().await.unwrap_err().layer(), "concurrency_limit");
    assert_eq!(pipeline.targets()[0].limit, Some(1.0));
    pipeline.reconfigure(&off).unwrap();
    call().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_ready_is_called_where_it_became_ready() {
    let off = PipelineConfig { concurrency_limit: None, ..PipelineConfig::default() };
    let on = PipelineConfig { rate_limit: Some(slow_rate()), ..PipelineConfig::default() };
    for (first, then) in [(&off, &on), (&on, &off)] {
        let pipeline = unheard(first);
        let (inner, control) = HostileService::<&str, &str, Error>::echo();
        let mut service = pipeline.layer("target").layer(inner);
        service.ready().await.unwrap();
        pipeline.reconfigure(then).unwrap();
        assert_eq!(service.call("hello").await.unwrap(), "hello");
        assert_eq!(service.ready().await.unwrap().call("again").await.unwrap(), "again");
        assert_eq!(control.counts().calls, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn every_knob_changes_live_and_what_was_counted_stays() {
    let (pipeline, recorder) = pipeline(&opening_early());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let service = pipeline.layer("target").layer(inner);
    control.answers((0..4).map(|_| Answer::failure(FailureKind::Transient)));
    for _ in 0..4 {
        service.clone().oneshot("hello").await.unwrap_err();
    }
    assert_eq!(pipeline.breaker("target").state(), CircuitState::Closed);

    let mut config = PipelineConfig {
        deadline: Some(Duration::from_secs(8)),
        attempt_timeout: Some(Duration::from_secs(2)),
        ..opening_early()
    };
    config.retry.max_attempts = NonZeroU32::MIN;
    config.retry_budget.reserve = 1.0;
    config.circuit_breaker.ramp = Duration::ZERO;
    pipeline.reconfigure(&config).unwrap();
    assert_eq!(pipeline.config(), config);
    let told: Vec<_> =
        ["deadline", "retry", "circuit_breaker", "concurrency_limit", "attempt_timeout", "pipeline"]
            .map(|strategy| {
                recorder.of(strategy).iter().filter(|event| **event == Event::Reconfigured).count()
            })
            .into();
    // The retry and its budget are two.
    assert_eq!(told, [1, 2, 1, 1, 1, 1]);

    // The fifth failure in a row opens: the four before are not forgotten. And it is cut by the new time-out.
    control.answers([Answer::Hang]);
    let began = Instant::now();
    let error = idempotent().scope(service.oneshot("hello")).await.unwrap_err();
    assert_eq!((error.kind(), began.elapsed()), (FailureKind::Timeout, Duration::from_secs(2)));
    assert_eq!(pipeline.breaker("target").state(), CircuitState::Open);
    // A reserve of 1, and a tenth for each of the five calls.
    assert!(pipeline.targets()[0].budget_balance < 1.6);
}

#[tokio::test(start_paused = true)]
async fn targets_to_come_are_built_after_the_new_configuration() {
    let pipeline = unheard(&PipelineConfig::default());
    let timeout = Some(Duration::from_secs(2));
    pipeline.reconfigure(&PipelineConfig { attempt_timeout: timeout, ..PipelineConfig::default() }).unwrap();
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::Hang]);
    let began = Instant::now();
    pipeline.layer("target").layer(inner).oneshot("hello").await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_makes_no_sense_changes_nothing_anywhere() {
    let (pipeline, recorder) = pipeline(&PipelineConfig::default());
    let breaker = pipeline.breaker("target");
    let mut config = PipelineConfig { deadline: None, ..PipelineConfig::default() };
    config.circuit_breaker.ramp = Duration::ZERO;
    config.rate_limit = Some(RateLimitConfig { period: Duration::ZERO, ..RateLimitConfig::default() });
    let error = pipeline.reconfigure(&config).unwrap_err();
    assert_eq!(error.to_string(), "rate_limit.period is 0s: must be above zero");
    assert_eq!(pipeline.config(), PipelineConfig::default());
    assert_eq!(breaker.config(), PipelineConfig::default().circuit_breaker);
    assert_eq!(recorder.of("pipeline"), [Event::ReconfigurationRefused]);
    assert_eq!(recorder.of("circuit_breaker"), []);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_targets_changes_live() {
    let pipeline = unheard(&PipelineConfig::default());
    pipeline.breaker("open").force_open();
    for host in 0..50 {
        let _layer = pipeline.layer(&format!("host-{host}"));
    }
    let three = PipelineConfig { max_targets: NonZeroUsize::new(3).unwrap(), ..PipelineConfig::default() };
    pipeline.reconfigure(&three).unwrap();
    let names: Vec<_> = pipeline.targets().into_iter().map(|status| status.target).collect();
    assert!(names.len() == 3 && names.contains(&"open".to_owned()), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_owes_something_is_not_forgotten() {
    let config = PipelineConfig {
        rate_limit: Some(slow_rate()),
        max_targets: NonZeroUsize::MIN,
        ..PipelineConfig::default()
    };
    let pipeline = unheard(&config);
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let kept = || pipeline.targets()[0].target.clone();
    // A permit was taken, which comes back within a second.
    pipeline.layer("rate").layer(inner.clone()).oneshot("hello").await.unwrap();
    let _ = pipeline.layer("other");
    assert_eq!(kept(), "rate");
    tokio::time::advance(Duration::from_secs(1)).await;
    let _ = pipeline.layer("budget");
    assert_eq!(kept(), "budget");
    // A retry was paid for in vain, which trickles in within ten seconds.
    pipeline.reconfigure(&PipelineConfig { rate_limit: None, ..config }).unwrap();
    control.answers((0..4).map(|_| Answer::failure(FailureKind::Transient)));
    let call = pipeline.layer("budget").layer(inner).oneshot("hello");
    idempotent().scope(call).await.unwrap_err();
    let _ = pipeline.layer("other");
    assert_eq!(kept(), "budget");
    tokio::time::advance(Duration::from_mins(1)).await;
    let _ = pipeline.layer("other");
    assert_eq!(kept(), "other");
}

#[test]
fn targets_made_while_the_configuration_changes_end_up_with_it() {
    let config = |seconds| PipelineConfig {
        attempt_timeout: Some(Duration::from_secs(seconds)),
        ..PipelineConfig::default()
    };
    let pipeline = unheard(&config(1));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let pipeline = &pipeline;
            scope.spawn(move || {
                for host in 0..200 {
                    let _layer = pipeline.layer(&format!("host-{thread}-{host}"));
                }
            });
        }
        for seconds in 2..20 {
            let mut next = config(seconds);
            next.circuit_breaker.half_open_lease = Duration::from_secs(seconds);
            pipeline.reconfigure(&next).unwrap();
        }
    });
    let last = pipeline.config().circuit_breaker;
    for status in pipeline.targets() {
        assert_eq!(pipeline.breaker(&status.target).config(), last);
    }
}

/// When the attempts of a call to a target that fails are made, and how long its circuit then stays open.
async fn chance_of(pipeline: &Pipeline, target: &str) -> (Vec<Duration>, Option<Duration>) {
    let began = Instant::now();
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    let inner = service_fn(move |()| {
        noted.lock().unwrap().push(began.elapsed());
        async { Err::<(), _>(Error::new(FailureKind::Transient, "test", "target")) }
    });
    let stack = pipeline.layer(target).layer(inner);
    let mut error = idempotent().scope(stack.clone().oneshot(())).await.unwrap_err();
    while error.kind() != FailureKind::Refused {
        error = idempotent().scope(stack.clone().oneshot(())).await.unwrap_err();
    }
    (times.lock().unwrap().clone(), error.retry_after())
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_draws_the_same_waits_for_a_target_whatever_the_others_draw() {
    let seeded =
        |seed| Pipeline::seeded("test", &PipelineConfig::default(), ByKind, Arc::new(()), seed).unwrap();
    let one = chance_of(&seeded(7), "a").await;
    assert!(one.0.len() >= 5 && one.1.is_some(), "{one:?}");
    let busy = seeded(7);
    let other_target = chance_of(&busy, "b").await;
    assert_eq!(chance_of(&busy, "a").await, one);
    assert_ne!(other_target, one);
    assert_ne!(chance_of(&seeded(8), "a").await, one);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_is_sent_where_it_is_asked_for_and_switched_live() {
    let hedge = HedgeConfig { fixed_delay: Some(Duration::from_millis(100)), ..HedgeConfig::default() };
    let hedged = PipelineConfig { hedge: Some(hedge), ..PipelineConfig::default() };
    let (pipeline, recorder) = pipeline(&hedged);
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let service = pipeline.layer("target").layer(inner);
    let slow_once = || control.answers([Answer::Ok("late").after(Duration::from_secs(3))]);

    slow_once();
    let began = Instant::now();
    assert_eq!(idempotent().scope(service.clone().oneshot("hello")).await.unwrap(), "hello");
    assert_eq!((control.counts().calls, began.elapsed()), (2, Duration::from_millis(100)));
    assert_eq!(recorder.of("hedge").iter().filter(|e| matches!(e, Event::Hedged { .. })).count(), 1);
    let paid = pipeline.targets()[0].budget_balance;
    assert!(paid <= hedged.retry_budget.reserve + 0.2, "it is paid from the budget of retries: {paid}");

    slow_once();
    assert_eq!(service.clone().oneshot("hello").await.unwrap(), "late", "not said to be idempotent");

    pipeline.reconfigure(&PipelineConfig::default()).unwrap();
    slow_once();
    assert_eq!(idempotent().scope(service.clone().oneshot("hello")).await.unwrap(), "late");
    assert_eq!(control.counts().calls, 4);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_asks_for_a_pause_gets_it_without_a_rate_limit() {
    let (pipeline, _recorder) = pipeline(&PipelineConfig::default());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let call = || pipeline.layer("target").layer(inner.clone()).oneshot("hello");
    pipeline.rate_limiter("target").pause(Duration::from_secs(5));
    assert!(pipeline.rate_limiter("target").is_paused());

    let hasty = CallContext::default().within(Duration::from_secs(2), Instant::now().into_std());
    let refused = hasty.scope(call()).await.unwrap_err();
    assert_eq!((refused.kind(), refused.layer()), (FailureKind::Refused, "rate_limit"));
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(5)));
    assert_eq!(control.counts().calls, 0);

    let began = Instant::now();
    let calls: Vec<_> = (0..8).map(|_| tokio::spawn(call())).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!(began.elapsed() >= Duration::from_secs(5) && began.elapsed() < Duration::from_millis(5100));
    assert!(!pipeline.rate_limiter("target").is_paused());
    call().await.unwrap();

    // Longer than the pipeline's own deadline: said at once, not when that has passed.
    pipeline.rate_limiter("target").pause(Duration::from_mins(1));
    let began = Instant::now();
    let refused = call().await.unwrap_err();
    assert_eq!((refused.layer(), began.elapsed()), ("rate_limit", Duration::ZERO));
    assert_eq!(refused.retry_after(), Some(Duration::from_mins(1)));
}

#[tokio::test(start_paused = true)]
async fn between_the_halves_of_the_stack_a_balance_chooses_endpoints() {
    let pipeline = unheard(&opening_early());
    let (good, good_control) = HostileService::<&str, &str, Error>::echo();
    let (bad, bad_control) =
        HostileService::<&str, &str, Error>::new(|_| Answer::failure(FailureKind::Transient));
    let outlier = OutlierConfig { max_ejected: 0.0, ..OutlierConfig::default() };
    let config = BalanceConfig { outlier, ..BalanceConfig::default() };
    let none: [(&str, _); 0] = [];
    let endpoints = BalanceHandle::seeded(Identity::default(), &config, none, 7).unwrap();
    for (name, service) in [("good", good), ("bad", bad)] {
        let layer = pipeline.attempt_layer(name);
        endpoints.insert_unless(name, layer.layer(service), move || layer.is_refusing());
    }
    assert!(endpoints.is_available());
    pipeline.breaker("bad").force_open();
    let service = pipeline.call_layer("service").layer(Balance::new(endpoints.clone()));
    for _ in 0..50 {
        assert_eq!(service.clone().oneshot("hello").await.unwrap(), "hello");
    }
    assert_eq!((good_control.counts().calls, bad_control.counts().calls), (50, 0));

    pipeline.breaker("good").force_open();
    assert!(!endpoints.is_available());
    let refused = service.clone().oneshot("hello").await.unwrap_err();
    assert_eq!((refused.kind(), refused.layer()), (FailureKind::Refused, "circuit_breaker"));

    pipeline.breaker("bad").force_closed();
    let answer = idempotent().scope(service.clone().oneshot("hello")).await.unwrap_err();
    assert_eq!((answer.kind(), bad_control.counts().calls), (FailureKind::Transient, 4));
    let names: Vec<_> = pipeline.targets().into_iter().map(|status| status.target).collect();
    assert_eq!(names, ["bad", "good", "service"]);
}

/// Fails its first call after a second, and is not ready again.
#[derive(Clone, Default)]
struct Once {
    was_called: Arc<AtomicBool>,
}

impl Service<&'static str> for Once {
    type Response = &'static str;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<&'static str, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.was_called.load(Relaxed) { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn call(&mut self, _: &'static str) -> Self::Future {
        self.was_called.store(true, Relaxed);
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Err(Error::new(FailureKind::Transient, "test", "once"))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_whether_the_attempt_or_the_call_itself_is_waited_for() {
    let (deadline, concurrency_limit) = (Some(Duration::from_secs(5)), None);
    for attempt_timeout in [None, Some(Duration::from_secs(2)), Some(Duration::from_secs(8))] {
        for hedge in [None, Some(HedgeConfig::default())] {
            let config = PipelineConfig {
                deadline,
                attempt_timeout,
                hedge,
                concurrency_limit: concurrency_limit.clone(),
                ..PipelineConfig::default()
            };
            let pipeline = unheard(&config);
            let hanging = service_fn(|_: &str| std::future::pending::<Result<&str, Error>>());
            let hangs = idempotent().scope(pipeline.layer("hangs").layer(hanging).oneshot("hello"));
            let once = idempotent().scope(pipeline.layer("once").layer(Once::default()).oneshot("hello"));
            let began = Instant::now();
            let late = Duration::from_secs(6);
            let (hangs, once) =
                tokio::join!(tokio::time::timeout(late, hangs), tokio::time::timeout(late, once));
            assert_eq!(hangs.expect("it is cut").unwrap_err().kind(), FailureKind::Timeout, "{config:?}");
            assert_eq!(once.expect("it is given up").unwrap_err().kind(), FailureKind::Transient);
            assert!(began.elapsed() <= Duration::from_secs(5), "{config:?}");
        }
    }
}
