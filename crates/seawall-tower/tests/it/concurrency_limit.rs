use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{ByKind, CallContext, Error, Event, FailureKind, LimitConfig, Priority, WaitQueueConfig};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::{
    AttemptTimeoutLayer, ConcurrencyLimit, ConcurrencyLimitConfig, ConcurrencyLimitHandle,
    ConcurrencyLimitLayer,
};
use tokio::time::{Instant, advance};
use tokio_test::task::{self, Spawn};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok};
use tower::{Layer, Service, ServiceExt};

use crate::recorder::Recorder;

type Inner = HostileService<&'static str, &'static str, Error>;
type Limited = ConcurrencyLimit<Inner, ByKind>;

const MS: Duration = Duration::from_millis(1);

struct Bench {
    service: Limited,
    control: Hostile<&'static str, Error>,
    limit: ConcurrencyLimitHandle,
    recorder: Arc<Recorder>,
}

fn bench(config: &ConcurrencyLimitConfig) -> Bench {
    let recorder = Arc::new(Recorder::default());
    let limit = ConcurrencyLimitHandle::new(recorder.identity(), config).unwrap();
    let (inner, control) = HostileService::echo();
    let service = ConcurrencyLimitLayer::new(limit.clone()).layer(inner);
    Bench { service, control, limit, recorder }
}

fn fixed(max: u32) -> ConcurrencyLimitConfig {
    ConcurrencyLimitConfig::fixed(NonZeroU32::new(max).unwrap())
}

fn starting_at(initial: f64) -> ConcurrencyLimitConfig {
    let limit = LimitConfig { initial, ..LimitConfig::default() };
    ConcurrencyLimitConfig { limit, ..ConcurrencyLimitConfig::default() }
}

impl Bench {
    /// A call that stays under way until it is released or dropped.
    async fn hold(&self) -> Spawn<impl Future<Output = Result<&'static str, Error>> + use<>> {
        self.control.answers([Answer::Ok("held").held()]);
        let mut service = self.service.clone();
        let mut call = task::spawn(service.ready().await.unwrap().call("hello"));
        assert_pending!(call.poll());
        call
    }

    /// A caller that asks, as the context says, and calls once it may.
    fn ask(&self, context: CallContext) -> Spawn<impl Future<Output = Result<&'static str, Error>> + use<>> {
        task::spawn(context.scope(self.service.clone().oneshot("hello")))
    }

    fn caller(&self) -> Spawn<impl Future<Output = Result<&'static str, Error>> + use<>> {
        self.ask(CallContext::default())
    }

    fn told(&self) -> Vec<Event> {
        self.recorder.of("concurrency_limit")
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_under_way_than_the_limit_says() {
    let bench = bench(&fixed(2));
    let first = bench.hold().await;
    let second = bench.hold().await;
    let mut third = bench.caller();
    assert_pending!(third.poll());
    assert_eq!((bench.limit.in_flight(), bench.limit.waiting()), (2, 1));
    drop(first);
    assert!(third.is_woken());
    assert_ready_ok!(third.poll());
    drop(second);
    assert_eq!((bench.limit.in_flight(), bench.limit.waiting()), (0, 0));
    assert_eq!(bench.told(), [Event::Dequeued { waited: Duration::ZERO }]);
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_given_back_when_the_answer_is_there_and_not_when_its_future_is_dropped() {
    let bench = bench(&fixed(1));
    let mut call = bench.hold().await;
    bench.control.release(1);
    assert_ready_ok!(call.poll());
    assert_eq!(bench.limit.in_flight(), 0);
    assert_ready_ok!(bench.caller().poll());
    drop(call);
    assert_eq!(bench.limit.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_permit_leaks_by_a_drop_or_a_panic() {
    let bench = bench(&fixed(1));
    // While it waits.
    let held = bench.hold().await;
    let mut waiting = bench.caller();
    assert_pending!(waiting.poll());
    drop(waiting);
    assert_eq!(bench.limit.waiting(), 0);
    // With a permit that came while nobody looked.
    let mut granted = bench.caller();
    assert_pending!(granted.poll());
    drop(held);
    assert_eq!(bench.limit.in_flight(), 1);
    drop(granted);
    assert_eq!(bench.limit.in_flight(), 0);
    // Ready, and never called.
    let mut service = bench.service.clone();
    service.ready().await.unwrap();
    assert_eq!(bench.limit.in_flight(), 1);
    drop(service);
    assert_eq!(bench.limit.in_flight(), 0);
    // Permitted, and the inner service is not ready.
    bench.control.readiness([Readiness::Blocked]);
    let mut blocked = bench.caller();
    assert_pending!(blocked.poll());
    assert_eq!(bench.limit.in_flight(), 1);
    drop(blocked);
    assert_eq!(bench.limit.in_flight(), 0);
    bench.control.unblock();
    // In the middle of the call.
    drop(bench.hold().await);
    assert_eq!(bench.limit.in_flight(), 0);
    // By a panic.
    bench.control.answers([Answer::Panic]);
    assert!(tokio::spawn(bench.service.clone().oneshot("hello")).await.unwrap_err().is_panic());
    assert_eq!(bench.limit.in_flight(), 0);
    // By an error of readiness, after which no call is made.
    bench.control.readiness([Readiness::Err(Error::new(FailureKind::Permanent, "hostile", "gone"))]);
    let mut service = bench.service.clone();
    let mut ready = task::spawn(async { service.ready().await.map(|_| ()) });
    assert_ready_err!(ready.poll());
    assert_eq!(bench.limit.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_inner_call_gives_the_permit_back() {
    let limit = ConcurrencyLimitHandle::new(seawall_tower::Identity::default(), &fixed(1)).unwrap();
    let panics = tower::service_fn(|()| -> std::future::Ready<Result<(), Error>> { panic!("in the call") });
    let service = ConcurrencyLimitLayer::new(limit.clone()).layer(panics);
    assert!(tokio::spawn(service.oneshot(())).await.unwrap_err().is_panic());
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_classifier_that_panics_gives_the_permit_back() {
    let limit = ConcurrencyLimitHandle::new(seawall_tower::Identity::default(), &starting_at(4.0)).unwrap();
    let service = ConcurrencyLimitLayer::new(limit.clone())
        .classifier(|_: Result<&(), &Error>| -> seawall_core::Outcome { panic!("in the classifier") })
        .layer(tower::service_fn(|()| async { Ok::<_, Error>(()) }));
    assert!(tokio::spawn(service.oneshot(())).await.unwrap_err().is_panic());
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_clone_has_neither_the_permit_nor_the_place_in_the_queue() {
    let bench = bench(&fixed(1));
    let mut original = bench.service.clone();
    original.ready().await.unwrap();
    let mut clone = original.clone();
    let mut ready = task::spawn(async { clone.ready().await.map(|_| ()) });
    assert_pending!(ready.poll());
    let mut waiting = bench.service.clone();
    let mut poll = task::spawn(());
    poll.enter(|cx, _| assert_pending!(Service::<&'static str>::poll_ready(&mut waiting, cx)));
    assert_eq!(bench.limit.waiting(), 2);
    let also = waiting.clone();
    assert_eq!(bench.limit.waiting(), 2);
    drop((waiting, also));
    assert_eq!(bench.limit.waiting(), 1);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "`poll_ready` must return `Ready`")]
async fn a_call_without_a_permit_is_a_programmers_error() {
    let _never = bench(&fixed(1)).service.call("hello");
}

/// A bulkhead that has its inner service ready and then waits, blocks everybody else who shares that service.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_permit_holds_nothing_of_the_inner_service() {
    let bench = bench(&fixed(1));
    let held = bench.hold().await;
    let polls = bench.control.counts().polls;
    let mut waiting = bench.caller();
    assert_pending!(waiting.poll());
    let counts = bench.control.counts();
    assert_eq!((counts.holding, counts.polls), (0, polls));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_in_past_those_who_wait() {
    let bench = bench(&fixed(1));
    let held = bench.hold().await;
    let mut first = bench.caller();
    assert_pending!(first.poll());
    drop(held);
    // The permit is the first's already, though it has not come to fetch it.
    let mut barger = bench.caller();
    assert_pending!(barger.poll());
    assert_ready_ok!(first.poll());
    assert!(barger.is_woken());
    assert_ready_ok!(barger.poll());
}

#[tokio::test(start_paused = true)]
async fn one_permit_wakes_one_caller() {
    let bench = bench(&fixed(1));
    let held = bench.hold().await;
    let mut callers: Vec<_> = (0..10).map(|_| bench.caller()).collect();
    for caller in &mut callers {
        assert_pending!(caller.poll());
    }
    drop(held);
    assert_eq!(callers.iter().filter(|caller| caller.is_woken()).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_higher_limit_lets_in_who_waits_and_a_lower_one_lets_calls_end() {
    let bench = bench(&fixed(1));
    let held = bench.hold().await;
    let mut callers: Vec<_> = (0..3).map(|_| bench.caller()).collect();
    bench.control.answers((0..2).map(|_| Answer::Ok("held").held()));
    for caller in &mut callers {
        assert_pending!(caller.poll());
    }
    bench.limit.reconfigure(&fixed(3)).unwrap();
    let woken: Vec<_> = callers.iter().map(Spawn::is_woken).collect();
    assert_eq!(woken, [true, true, false]);
    assert_pending!(callers[0].poll());
    assert_pending!(callers[1].poll());
    assert_eq!(bench.limit.in_flight(), 3);

    bench.limit.reconfigure(&fixed(1)).unwrap();
    drop(held);
    assert!(!callers[2].is_woken());
    drop(callers.remove(0));
    assert!(!callers[1].is_woken());
    assert_eq!(bench.limit.in_flight(), 1);
    drop(callers.remove(0));
    assert!(callers[0].is_woken());
    let told: Vec<_> =
        bench.told().into_iter().filter(|event| !matches!(event, Event::Dequeued { .. })).collect();
    let limit = |limit| Event::LimitChanged { limit };
    assert_eq!(told, [Event::Reconfigured, limit(3.0), Event::Reconfigured, limit(1.0)]);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_cannot_be_is_refused_and_the_old_one_stays() {
    let bench = bench(&fixed(2));
    for (wrong, message) in [
        (fixed(1_000_001), "limit.max is 1000001: must be at most 1000000"),
        (
            ConcurrencyLimitConfig {
                queue: WaitQueueConfig { max_wait: Some(Duration::ZERO), ..WaitQueueConfig::default() },
                ..fixed(3)
            },
            "queue.max_wait is 0s: must be above zero, or \"off\"",
        ),
        (starting_at(-1.0), "limit.initial is -1: must be above 0"),
    ] {
        assert_eq!(bench.limit.reconfigure(&wrong).unwrap_err().to_string(), message);
    }
    assert!((bench.limit.limit() - 2.0).abs() < f64::EPSILON);
    assert_eq!(bench.told(), [Event::ReconfigurationRefused; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_cuts_the_wait_and_says_so() {
    let bench = bench(&fixed(1));
    let held = bench.hold().await;
    let context = CallContext::default().within(40 * MS, Instant::now().into_std());
    let began = Instant::now();
    let call = context.scope(bench.service.clone().oneshot("hello"));
    let error = call.await.unwrap_err();
    assert_eq!(began.elapsed(), 40 * MS);
    assert_eq!(
        (error.kind(), error.layer(), error.name()),
        (FailureKind::Refused, "concurrency_limit", "target")
    );
    assert_eq!(error.elapsed(), 40 * MS);
    assert!(!error.may_have_executed());
    assert_eq!(bench.limit.waiting(), 0);
    let reason = "deadline passed while waiting for a permit";
    assert_eq!(bench.told(), [Event::Refused { reason, retry_after: None }]);
    assert_eq!(bench.control.counts().calls, 1);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_comes_after_the_deadline_goes_to_the_next() {
    let bench = bench(&fixed(1));
    let held = bench.hold().await;
    let mut late = bench.ask(CallContext::default().within(40 * MS, Instant::now().into_std()));
    let mut next = bench.caller();
    assert_pending!(late.poll());
    assert_pending!(next.poll());
    advance(30 * MS).await;
    drop(held);
    // It was its turn in time, but its task is not run until it is too late.
    advance(10 * MS).await;
    assert_eq!(assert_ready_err!(late.poll()).kind(), FailureKind::Refused);
    assert!(next.is_woken());
    assert_ready_ok!(next.poll());
}

#[tokio::test(start_paused = true)]
async fn callers_who_come_too_late_teach_the_limit_nothing() {
    let limit = ConcurrencyLimitHandle::new(seawall_tower::Identity::default(), &starting_at(40.0)).unwrap();
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let attempt = AttemptTimeoutLayer::new(Duration::from_secs(1)).layer(inner);
    let service = ConcurrencyLimitLayer::new(limit.clone()).layer(attempt);
    let late = CallContext::default().deadline(Instant::now().into_std());
    let before = limit.limit();
    for _ in 0..100 {
        let error = late.clone().scope(service.clone().oneshot("hello")).await.unwrap_err();
        assert_eq!((error.layer(), error.kind()), ("attempt_timeout", FailureKind::Refused));
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert_eq!(control.counts().calls, 0);
    assert!((limit.limit() - before).abs() < 1e-9, "{} after {before}", limit.limit());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_too_long_is_refused() {
    let bench = bench(&fixed(1));
    let held = bench.hold().await;
    let began = Instant::now();
    let error = bench.service.clone().oneshot("hello").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert!(error.to_string().contains("waited too long for a permit"), "{error}");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once_whoever_matters_least() {
    let queue = WaitQueueConfig { max_waiting: 1, ..WaitQueueConfig::default() };
    let bench = bench(&ConcurrencyLimitConfig { queue, ..fixed(1) });
    let held = bench.hold().await;
    let mut waiting = bench.caller();
    assert_pending!(waiting.poll());
    let error = assert_ready_err!(bench.caller().poll());
    assert_eq!(error.kind(), FailureKind::Refused);
    assert!(error.to_string().contains("queue is full"), "{error}");
    let mut urgent = bench.ask(CallContext::default().priority(Priority::Critical));
    assert_pending!(urgent.poll());
    assert!(waiting.is_woken());
    assert_ready_err!(waiting.poll());
    drop(held);
    assert_ready_ok!(urgent.poll());
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_places_refuses_all_but_those_for_whom_there_is_a_permit() {
    let queue = WaitQueueConfig { max_waiting: 0, ..WaitQueueConfig::default() };
    let bench = bench(&ConcurrencyLimitConfig { queue, ..fixed(1) });
    let held = bench.hold().await;
    assert_ready_err!(bench.caller().poll());
    drop(held);
    assert_ready_ok!(bench.caller().poll());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_no_error_of_readiness_and_stays_until_the_call() {
    let queue = WaitQueueConfig { max_waiting: 0, ..WaitQueueConfig::default() };
    let bench = bench(&ConcurrencyLimitConfig { queue, ..fixed(1) });
    let held = bench.hold().await;
    let mut service = bench.service.clone();
    service.ready().await.unwrap();
    drop(held);
    service.ready().await.unwrap();
    assert_eq!(service.call("hello").await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(service.ready().await.unwrap().call("hello").await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn the_more_urgent_call_is_let_in_first() {
    let bench = bench(&fixed(1));
    let held = bench.hold().await;
    let mut background = bench.ask(CallContext::default().priority(Priority::Background));
    let mut critical = bench.ask(CallContext::default().priority(Priority::Critical));
    assert_pending!(background.poll());
    assert_pending!(critical.poll());
    drop(held);
    assert!(critical.is_woken() && !background.is_woken());
    assert_ready_ok!(critical.poll());
    assert_ready_ok!(background.poll());
}

#[tokio::test(start_paused = true)]
async fn under_pressure_the_newest_is_let_in_first_and_the_oldest_is_sent_away() {
    let bench = bench(&fixed(1));
    let held = bench.hold().await;
    let mut oldest = bench.caller();
    assert_pending!(oldest.poll());
    advance(999 * MS).await;
    let mut older = bench.caller();
    assert_pending!(older.poll());
    advance(MS).await;
    let mut newest = bench.caller();
    assert_pending!(newest.poll());
    // The arrival of a newcomer is enough to see that the oldest has waited for too long.
    assert!(oldest.is_woken());
    assert_eq!(assert_ready_err!(oldest.poll()).kind(), FailureKind::Refused);
    drop(held);
    assert!(newest.is_woken() && !older.is_woken());
    assert_ready_ok!(newest.poll());
    assert_ready_ok!(older.poll());
}

#[tokio::test(start_paused = true)]
async fn timeouts_lower_the_limit_and_answers_raise_it_again() {
    let bench = bench(&starting_at(10.0));
    bench.control.answers([Answer::failure(FailureKind::Timeout)]);
    assert_eq!(bench.caller().await.unwrap_err().kind(), FailureKind::Timeout);
    assert!(bench.limit.limit() < 10.0);
    assert!(!bench.limit.is_idle(), "what it has learnt would be lost");
    assert!(matches!(bench.told()[..], [Event::LimitChanged { .. }]));
    advance(Duration::from_secs(10)).await;
    for _ in 0..100 {
        let calls = bench.limit.limit() as usize;
        let mut held = vec![];
        for _ in 0..calls {
            held.push(bench.hold().await);
        }
        bench.control.release(calls);
        for call in held {
            call.await.unwrap();
        }
    }
    assert!((bench.limit.limit() - 500.0).abs() < f64::EPSILON, "{}", bench.limit.limit());
    assert!(bench.limit.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_after_its_deadline_counts_as_a_timeout_and_another_for_nothing() {
    let bench = bench(&starting_at(10.0));
    bench.control.answers([Answer::Hang, Answer::Hang]);
    let now = Instant::now().into_std();
    let mut overdue = bench.ask(CallContext::default().within(20 * MS, now));
    let mut unwanted = bench.ask(CallContext::default().within(30 * MS, now));
    assert_pending!(overdue.poll());
    assert_pending!(unwanted.poll());
    advance(20 * MS).await;
    drop(unwanted);
    assert!((bench.limit.limit() - 10.0).abs() < f64::EPSILON);
    drop(overdue);
    assert!(bench.limit.limit() < 10.0);
    assert_eq!(bench.limit.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_timeout_of_an_earlier_epoch_cuts_no_more() {
    let bench = bench(&starting_at(10.0));
    bench.control.answers((0..3).map(|_| Answer::failure(FailureKind::Timeout).held()));
    let mut calls: Vec<_> = (0..3).map(|_| bench.caller()).collect();
    for call in &mut calls {
        assert_pending!(call.poll());
    }
    bench.control.release(3);
    assert_ready_err!(calls[0].poll());
    let cut = bench.limit.limit();
    assert_ready_err!(calls[1].poll());
    assert_ready_err!(calls[2].poll());
    assert!((bench.limit.limit() - cut).abs() < f64::EPSILON);
}

#[tokio::test(start_paused = true)]
async fn below_one_calls_go_one_at_a_time_and_spaced_out() {
    let bench = bench(&ConcurrencyLimitConfig { queue: WaitQueueConfig::fifo(), ..starting_at(0.25) });
    bench.control.answers((0..4).map(|_| Answer::failure(FailureKind::Transient).after(10 * MS)));
    let began = Instant::now();
    let mut at = vec![];
    let calls: Vec<_> = (0..4).map(|_| tokio::spawn(bench.service.clone().oneshot("hello"))).collect();
    for call in calls {
        call.await.unwrap().unwrap_err();
        at.push(began.elapsed().as_millis());
    }
    // 10 ms each, and three times as long in between: a quarter of a call under way on average. Tokio's timers are
    // whole milliseconds.
    assert_eq!(bench.control.counts().peak_in_flight, 1);
    for (call, at) in at.into_iter().enumerate() {
        let expected = 10 + 40 * call as u128;
        assert!((expected..expected + 5).contains(&at), "call {call} ended at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_reaches_beyond_the_deadline_is_not_waited_for() {
    let bench = bench(&starting_at(0.1));
    bench.control.answers([Answer::failure(FailureKind::Transient).after(50 * MS)]);
    bench.caller().await.unwrap_err();
    // The next may go in 450 ms.
    let now = Instant::now();
    let hurried = bench.ask(CallContext::default().within(400 * MS, now.into_std()));
    assert_eq!(hurried.await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(now.elapsed(), Duration::ZERO);
    let mut dropped = bench.caller();
    assert_pending!(dropped.poll());
    assert_eq!(bench.limit.in_flight(), 1);
    drop(dropped);
    assert_eq!(bench.caller().await.unwrap(), "hello");
    assert!((450..455).contains(&now.elapsed().as_millis()), "{:?}", now.elapsed());
    let waited = bench.told().into_iter().find_map(|event| match event {
        Event::Dequeued { waited } => Some(waited.as_millis()),
        _ => None,
    });
    assert!(waited.is_some_and(|waited| (450..455).contains(&waited)), "{waited:?}");
}

/// The bench after a call of 50 ms by a limit of 0.1, of which all others take as long and fail so: 450 ms are to pass.
async fn paused(kind: FailureKind) -> Bench {
    let bench = bench(&starting_at(0.1));
    bench.control.answers((0..19).map(|_| Answer::failure(kind).after(50 * MS)));
    bench.caller().await.unwrap_err();
    bench
}

#[tokio::test(start_paused = true)]
async fn an_urgent_call_goes_ahead_of_a_pause_and_the_others_wait_for_what_it_owes() {
    let bench = paused(FailureKind::Transient).await;
    let began = Instant::now();
    let normal = tokio::spawn(bench.caller().into_inner());
    tokio::task::yield_now().await;
    let critical = bench.ask(CallContext::default().priority(Priority::Critical));
    critical.await.unwrap_err();
    assert!((50..55).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    normal.await.unwrap().unwrap_err();
    // Twice 450 ms of pauses, and its own time.
    assert!((950..960).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(bench.control.counts().peak_in_flight, 1);
    assert_eq!(bench.limit.in_flight(), 0);
}

/// How many urgent calls, one after the other, do not wait for a pause.
async fn how_many_go_ahead(bench: &Bench) -> usize {
    let mut took = vec![];
    for _ in 0..15 {
        let call = Instant::now();
        bench.ask(CallContext::default().priority(Priority::Critical)).await.unwrap_err();
        took.push(call.elapsed().as_millis());
    }
    // Each owes 450 ms and takes 50 ms of them, so there is as much to be paid as time passes.
    assert!(took.iter().sum::<u128>() > 2500, "{took:?}");
    took.iter().take_while(|&&took| took < 55).count()
}

#[tokio::test(start_paused = true)]
async fn urgent_calls_go_ahead_until_they_owe_twice_the_longest_pause() {
    assert_eq!(how_many_go_ahead(&paused(FailureKind::Transient).await).await, 9);
}

#[tokio::test(start_paused = true)]
async fn urgent_calls_of_a_backend_that_times_out_go_ahead_until_they_owe_one_longest_pause() {
    assert_eq!(how_many_go_ahead(&paused(FailureKind::Timeout).await).await, 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_shrinks_as_the_limit_grows() {
    let bench = bench(&starting_at(0.1));
    bench.control.answers((0..2).map(|_| Answer::failure(FailureKind::Transient).after(200 * MS)));
    bench.caller().await.unwrap_err();
    let critical = || bench.ask(CallContext::default().priority(Priority::Critical));
    critical().await.unwrap_err();
    // 3.4 s are owed now, for two calls of 200 ms at a limit of 0.1. At one of 0.2, it is four ninths of that.
    bench.control.answers([Answer::Ok("hello").after(MS)]);
    critical().await.unwrap();
    let began = Instant::now();
    bench.caller().await.unwrap();
    assert!((1500..1530).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_turn_at_the_end_of_a_pause_is_the_most_urgent_ones() {
    let bench = bench(&starting_at(0.1));
    bench.control.answers((0..3).map(|_| Answer::failure(FailureKind::Transient).after(50 * MS)));
    bench.caller().await.unwrap_err();
    let low = tokio::spawn(bench.ask(CallContext::default().priority(Priority::Low)).into_inner());
    tokio::task::yield_now().await;
    let normal = tokio::spawn(bench.caller().into_inner());
    tokio::task::yield_now().await;
    let began = Instant::now();
    normal.await.unwrap().unwrap_err();
    assert!((495..505).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert!(!low.is_finished());
    low.await.unwrap().unwrap_err();
    assert!((995..1005).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_fixed_limit_asks_nobody_how_calls_ended() {
    let limit = ConcurrencyLimitHandle::new(seawall_tower::Identity::default(), &fixed(1)).unwrap();
    let service = ConcurrencyLimitLayer::new(limit.clone())
        .classifier(|_: Result<&(), &Error>| -> seawall_core::Outcome { panic!("asked") })
        .layer(tower::service_fn(|()| async { Ok::<_, Error>(()) }));
    assert_ready!(task::spawn(service.oneshot(())).poll()).unwrap();
    assert!(limit.is_idle());
}

#[test]
fn calls_that_are_ready_at_once_need_neither_a_runtime_nor_its_clock() {
    let limit =
        ConcurrencyLimitHandle::new(seawall_tower::Identity::default(), &ConcurrencyLimitConfig::default())
            .unwrap();
    let service =
        ConcurrencyLimitLayer::new(limit).layer(tower::service_fn(|()| async { Ok::<_, Error>(()) }));
    for _ in 0..5 {
        assert_ready!(task::spawn(service.clone().oneshot(())).poll()).unwrap();
    }
}

/// A backend that sheds in no time is called some ten times a second by a limit of 0.1, not as fast as it sheds.
#[tokio::test(start_paused = true)]
async fn overload_that_is_answered_at_once_is_spaced_out_all_the_same() {
    let bench = bench(&starting_at(0.1));
    let shed = FailureKind::Overloaded { retry_after: None };
    bench.control.answers((0..100).map(|_| Answer::failure(shed)));
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(bench.caller().await.unwrap_err().kind(), shed);
    }
    // 10 ms is the least that such a call is taken to take: nine times as long in between.
    assert!(began.elapsed() >= 99 * 90 * MS, "{:?}", began.elapsed());
    // Once calls have timed out after a second, they are taken to take that long.
    advance(90 * MS).await;
    bench.control.answers([
        Answer::failure(FailureKind::Timeout).after(Duration::from_secs(1)),
        Answer::failure(shed),
        Answer::failure(shed),
    ]);
    bench.caller().await.unwrap_err();
    bench.caller().await.unwrap_err();
    let began = Instant::now();
    bench.caller().await.unwrap_err();
    assert!((2000..2005).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn below_one_a_backend_is_left_alone_for_as_long_as_it_asks() {
    let bench = bench(&ConcurrencyLimitConfig { queue: WaitQueueConfig::fifo(), ..starting_at(0.1) });
    for (asked, paused) in [(500, 500), (60_000, 2000)] {
        bench.control.answers([Answer::failure(FailureKind::Overloaded { retry_after: Some(asked * MS) })]);
        bench.caller().await.unwrap_err();
        let began = Instant::now();
        bench.control.answers([Answer::failure(FailureKind::Transient)]);
        bench.caller().await.unwrap_err();
        let (waited, paused) = (began.elapsed().as_millis(), u128::from(paused as u32));
        assert!((paused..paused + 5).contains(&waited), "{waited} for {asked}");
        advance(Duration::from_secs(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_wait_includes_the_pause_between_calls() {
    let queue = WaitQueueConfig { max_wait: Some(100 * MS), ..WaitQueueConfig::default() };
    let bench = bench(&ConcurrencyLimitConfig { queue, ..starting_at(0.1) });
    bench.control.answers([Answer::failure(FailureKind::Timeout).after(Duration::from_secs(1))]);
    let mut slow = bench.caller();
    assert_pending!(slow.poll());
    advance(950 * MS).await;
    let mut queued = bench.caller();
    assert_pending!(queued.poll());
    advance(50 * MS).await;
    assert_ready_err!(slow.poll());
    // Two seconds of pause: who waits already is told so, and so is who comes now.
    for (mut call, waited) in [(queued, 50 * MS), (bench.caller(), Duration::ZERO)] {
        let error = assert_ready_err!(call.poll());
        assert_eq!(error.kind(), FailureKind::Refused);
        assert_eq!((error.retry_after(), error.elapsed()), (Some(Duration::from_secs(2)), waited));
        assert!(
            error.to_string().contains("the pause between calls is longer than a call may wait"),
            "{error}"
        );
    }
    assert_eq!((bench.limit.in_flight(), bench.limit.waiting()), (0, 0));
    // Who has the time is let in when it is over.
    advance(1900 * MS).await;
    let began = Instant::now();
    assert_eq!(bench.caller().await.unwrap(), "hello");
    assert!((100..105).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

/// Deadlines that pass in our own queue say nothing about the backend: an outer limit is not cut by them.
#[tokio::test(start_paused = true)]
async fn deadlines_that_pass_in_the_queue_do_not_count_against_the_backend() {
    let bench = bench(&fixed(1));
    let held = bench.hold().await;
    let outer = ConcurrencyLimitHandle::new(seawall_tower::Identity::default(), &starting_at(10.0)).unwrap();
    for _ in 0..5 {
        let call = ConcurrencyLimitLayer::new(outer.clone()).layer(InCall(bench.service.clone()));
        let context = CallContext::default().within(40 * MS, Instant::now().into_std());
        let error = context.scope(call.oneshot("hello")).await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Refused, false));
        assert!(error.to_string().contains("deadline passed while waiting for a permit"), "{error}");
    }
    assert!((outer.limit() - 10.0).abs() < f64::EPSILON, "{}", outer.limit());
    drop(held);
}

/// Waits for the service's readiness in the call, as a buffer or a boxed endpoint does.
struct InCall(Limited);

impl Service<&'static str> for InCall {
    type Response = &'static str;
    type Error = Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<&'static str, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: &'static str) -> Self::Future {
        Box::pin(self.0.clone().oneshot(request))
    }
}
