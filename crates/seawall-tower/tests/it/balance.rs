use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll};
use std::time::Duration;

use seawall_core::{CallContext, Error, Event, FailureKind, Observer, Origin, OutlierConfig};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::{
    AttemptTimeoutLayer, Balance, BalanceConfig, BalanceHandle, ConcurrencyLimitConfig,
    ConcurrencyLimitHandle, ConcurrencyLimitLayer, Identity,
};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::limit::ConcurrencyLimit;
use tower::util::Either;
use tower::{Layer, Service, ServiceExt, service_fn};

type Backend = HostileService<(), &'static str, Error>;
type Control = Hostile<&'static str, Error>;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

fn backend(name: &'static str, took: Duration) -> ((&'static str, Backend), Control) {
    let (service, control) = HostileService::new(move |()| Answer::Ok(name).after(took));
    ((name, service), control)
}

fn handle<S>(endpoints: impl IntoIterator<Item = (&'static str, S)>) -> BalanceHandle<S> {
    BalanceHandle::seeded(Identity::new("target"), &BalanceConfig::default(), endpoints, 7).unwrap()
}

/// An observer that remembers: what it is about, and the event.
#[derive(Default)]
struct Events(Mutex<Vec<(String, Event)>>);

impl Events {
    fn new() -> (Arc<Self>, Identity) {
        let events = Arc::new(Self::default());
        let identity = Identity::new("target").observer(Arc::clone(&events) as Arc<dyn Observer>);
        (events, identity)
    }

    fn all(&self) -> Vec<(String, Event)> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Events {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        self.0.lock().unwrap().push((origin.target.to_owned(), *event));
    }
}

#[tokio::test(start_paused = true)]
async fn equal_endpoints_share_the_calls() {
    let (one, first) = backend("one", MILLI);
    let (two, second) = backend("two", MILLI);
    let (three, third) = backend("three", MILLI);
    let service = Balance::new(handle([one, two, three]));
    for _ in 0..300 {
        let calls: Vec<_> = (0..6).map(|_| tokio::spawn(service.clone().oneshot(()))).collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }
    for control in [first, second, third] {
        let calls = control.counts().calls;
        assert!((450..750).contains(&calls), "{calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_further_attempt_of_a_call_goes_to_another_endpoint_if_there_is_one() {
    let attempt = |number| CallContext::default().attempt(NonZeroU32::new(number).unwrap());
    let (one, first) = backend("one", SECOND);
    let (two, second) = backend("two", SECOND);
    let set = handle([one, two]);
    for _ in 0..20 {
        let mut service = Balance::new(set.clone());
        service.ready().await.unwrap();
        let before = service.call(());
        // Much more is under way where the call has not been.
        let other = if first.counts().in_flight > 0 { "two" } else { "one" };
        let busy: Vec<_> = (0..3).map(|_| tokio::spawn(Balance::new(set.clone()).oneshot(()))).collect();
        tokio::task::yield_now().await;
        let hedge = attempt(2).scope(async { service.ready().await.unwrap().call(()).await });
        assert_eq!(hedge.await.unwrap(), other);
        drop(before);
        for call in busy {
            call.await.unwrap().unwrap();
        }
    }
    set.remove("two");
    let mut service = Balance::new(set);
    for number in [1, 2] {
        let call = attempt(number).scope(async { service.ready().await.unwrap().call(()).await });
        assert_eq!(call.await.unwrap(), "one", "the only one is better than none");
    }
    assert!(second.counts().calls > 0);
}

#[tokio::test(start_paused = true)]
async fn the_attempts_of_a_call_go_everywhere_before_they_go_anywhere_again() {
    let names = ["one", "two", "three", "four"];
    for seed in 0..50 {
        let endpoints = names.map(|name| backend(name, MILLI).0);
        let config = BalanceConfig::default();
        let set = BalanceHandle::seeded(Identity::default(), &config, endpoints, seed).unwrap();
        let mut by_one_instance = Balance::new(set.clone());
        for _call in 0..2 {
            let by_clones = Balance::for_one_call(set.clone());
            let (mut been, mut clones_been) = (Vec::new(), Vec::new());
            for number in 1..=8 {
                let context = CallContext::default().attempt(NonZeroU32::new(number).unwrap());
                let attempt = async { by_one_instance.ready().await.unwrap().call(()).await };
                been.push(context.scope(attempt).await.unwrap());
                clones_been.push(by_clones.clone().oneshot(()).await.unwrap());
            }
            for mut been in [been, clones_been] {
                assert_eq!(been[..4], been[4..], "where it was longest ago comes first");
                been.truncate(4);
                been.sort_unstable();
                assert_eq!(been, ["four", "one", "three", "two"]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_endpoint_gets_fewer_calls() {
    let (fast, quick) = backend("fast", MILLI);
    let (slow, laggard) = backend("slow", 50 * MILLI);
    let service = Balance::new(handle([fast, slow]));
    for _ in 0..500 {
        service.clone().oneshot(()).await.unwrap();
    }
    let (quick, laggard) = (quick.counts().calls, laggard.counts().calls);
    assert!(quick > 480 && laggard >= 1, "fast {quick}, slow {laggard}");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_fast_does_not_pass_for_a_fast_one() {
    let (good, _good) = backend("good", 20 * MILLI);
    let (service, bad) = HostileService::new(|()| Answer::failure(FailureKind::Transient));
    let outlier = OutlierConfig { max_ejected: 0.0, ..OutlierConfig::default() };
    let config = BalanceConfig { outlier, ..BalanceConfig::default() };
    let endpoints = [good, ("bad", service)];
    let service = Balance::new(BalanceHandle::seeded(Identity::default(), &config, endpoints, 7).unwrap());
    for _ in 0..200 {
        let _either = service.clone().oneshot(()).await;
    }
    let calls = bad.counts().calls;
    assert!((1..=5).contains(&calls), "{calls}");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_was_slow_once_is_tried_again() {
    let (steady, _steady) = backend("steady", 5 * MILLI);
    let (once, control) = backend("once", MILLI);
    control.answers([Answer::Ok("once").after(5 * SECOND)]);
    let service = Balance::new(handle([steady, once]));
    while control.counts().calls == 0 {
        service.clone().oneshot(()).await.unwrap();
    }
    for _ in 0..30 {
        tokio::time::advance(SECOND).await;
        service.clone().oneshot(()).await.unwrap();
    }
    assert!(control.counts().calls > 5, "{:?}", control.counts());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_keeps_failing_is_ejected_and_comes_back() {
    let (good, _good) = backend("good", MILLI);
    let (service, bad) = HostileService::new(|()| Answer::failure(FailureKind::Transient));
    let handle = handle([good, ("bad", service)]);
    let service = Balance::new(handle.clone());
    for _ in 0..5 {
        // Its penalty has to fade, or it is not even tried.
        while service.clone().oneshot(()).await.is_ok() {
            tokio::time::advance(SECOND).await;
        }
    }
    assert_eq!(bad.counts().calls, 5);
    assert!(handle.endpoints()[1].ejected);
    for _ in 0..50 {
        assert_eq!(service.clone().oneshot(()).await.unwrap(), "good");
    }
    tokio::time::advance(31 * SECOND).await;
    assert!(!handle.endpoints()[1].ejected);
    while service.clone().oneshot(()).await.is_ok() {}
    assert_eq!(bad.counts().calls, 6);
}

#[tokio::test]
async fn an_endpoint_that_is_not_ready_is_passed_over() {
    let (good, _good) = backend("good", Duration::ZERO);
    let (blocked, control) = backend("blocked", Duration::ZERO);
    control.readiness([Readiness::Blocked]);
    let service = Balance::new(handle([good, blocked]));
    for _ in 0..20 {
        assert_eq!(service.clone().oneshot(()).await.unwrap(), "good");
    }
    let counts = control.counts();
    assert_eq!((counts.holding, counts.calls), (0, 0));
}

#[tokio::test]
async fn while_none_is_ready_the_call_waits_for_the_first() {
    let (one, first) = backend("one", Duration::ZERO);
    let (two, second) = backend("two", Duration::ZERO);
    first.readiness([Readiness::Blocked]);
    second.readiness([Readiness::Blocked]);
    let mut service = Balance::new(handle([one, two]));
    let mut ready = task::spawn(async { service.ready().await.map(|_| ()) });
    assert_pending!(ready.poll());
    second.unblock();
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
    drop(ready);
    assert_eq!(service.call(()).await.unwrap(), "two");
    let counts = first.counts();
    assert_eq!((counts.holding, counts.instances), (0, 1), "its place was given up, the prototype is left");
}

#[tokio::test]
async fn a_waiting_call_takes_an_endpoint_that_is_added() {
    let (one, first) = backend("one", Duration::ZERO);
    first.readiness([Readiness::Blocked]);
    let handle = handle([one]);
    let mut service = Balance::new(handle.clone());
    let mut ready = task::spawn(async { service.ready().await.map(|_| ()) });
    assert_pending!(ready.poll());
    let ((name, two), _second) = backend("two", Duration::ZERO);
    handle.insert(name, two);
    assert!(ready.is_woken());
    assert_ready_ok!(ready.poll());
    drop(ready);
    assert_eq!(service.call(()).await.unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_its_deadline() {
    let (one, first) = backend("one", Duration::ZERO);
    first.readiness([Readiness::Blocked]);
    let handle = handle([one]);
    let service = Balance::new(handle.clone());
    let began = tokio::time::Instant::now();
    let context = CallContext::default().within(SECOND, began.into_std());
    let call = tokio::time::timeout(60 * SECOND, context.scope(service.oneshot(())));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "balance `target`: no endpoint was ready before the deadline");
    assert_eq!((error.kind(), began.elapsed()), (FailureKind::Refused, SECOND));
    assert_eq!(first.counts().instances, 1, "its place was given up, the prototype is left");
    drop(handle);
}

#[tokio::test]
async fn a_waiting_call_leaves_an_endpoint_that_is_removed() {
    let (one, first) = backend("one", Duration::ZERO);
    first.readiness([Readiness::Blocked]);
    let handle = handle([one]);
    let mut call = task::spawn(Balance::new(handle.clone()).oneshot(()));
    assert_pending!(call.poll());
    assert!(handle.remove("one"));
    assert!(call.is_woken());
    let error = assert_ready_err!(call.poll());
    assert_eq!(error.to_string(), "balance `target`: there is no endpoint");
    assert_eq!(first.counts().instances, 0);
}

/// One that is never ready, and at whose first poll the set changes: as when it is changed by another thread.
#[derive(Clone)]
struct Changing {
    change: Arc<dyn Fn() + Send + Sync>,
}

impl Service<()> for Changing {
    type Response = &'static str;
    type Error = Error;
    type Future = std::future::Ready<Result<&'static str, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        (self.change)();
        Poll::Pending
    }

    fn call(&mut self, (): ()) -> Self::Future {
        unreachable!("it is never ready")
    }
}

#[tokio::test]
async fn no_change_is_missed_that_comes_while_a_call_looks() {
    let handle = BalanceHandle::<Either<Changing, Backend>>::new(
        Identity::default(),
        &BalanceConfig::default(),
        [] as [(&str, _); 0],
    )
    .unwrap();
    let set = handle.clone();
    let once = Once::new();
    let change = move || {
        once.call_once(|| {
            let ((name, service), _control) = backend("late", Duration::ZERO);
            set.insert(name, Either::Right(service));
        });
    };
    handle.insert("never", Either::Left(Changing { change: Arc::new(change) }));
    let mut service = Balance::new(handle);
    assert_ready_ok!(task::spawn(service.ready()).poll());
    assert_eq!(service.call(()).await.unwrap(), "late");
}

#[tokio::test]
async fn an_endpoint_is_replaced_at_one_stroke() {
    let (events, identity) = Events::new();
    let (one, _first) = backend("one", Duration::ZERO);
    let (two, _second) = backend("two", Duration::ZERO);
    let handle = BalanceHandle::new(identity, &BalanceConfig::default(), [one, two]).unwrap();
    handle.eject("two", SECOND);
    let ((name, again), control) = backend("one", Duration::ZERO);
    handle.insert(name, again);
    assert_eq!(events.all().len(), 1, "in between, there was no endpoint left and panic");
    assert_eq!(handle.endpoints().len(), 2);
    assert_eq!(Balance::new(handle).oneshot(()).await.unwrap(), "one");
    assert_eq!(control.counts().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn panic_ends_when_healthy_endpoints_are_added() {
    let (events, identity) = Events::new();
    let (one, _first) = backend("one", Duration::ZERO);
    let handle = BalanceHandle::new(identity, &BalanceConfig::default(), [one]).unwrap();
    assert!(handle.eject("one", 60 * SECOND));
    assert_eq!(Balance::new(handle.clone()).oneshot(()).await.unwrap(), "one", "panic: it is all there is");
    let (two, _second) = backend("two", Duration::ZERO);
    handle.insert(two.0, two.1);
    for _ in 0..20 {
        assert_eq!(Balance::new(handle.clone()).oneshot(()).await.unwrap(), "two");
    }
    assert_eq!(events.all().last(), Some(&("target".to_owned(), Event::PanicLeft)));
}

#[tokio::test(start_paused = true)]
async fn callers_who_come_too_late_eject_nobody() {
    let guarded = |(name, backend)| (name, AttemptTimeoutLayer::new(SECOND).layer(backend));
    let (one, _) = backend("one", MILLI);
    let (two, _) = backend("two", MILLI);
    let handle = handle([guarded(one), guarded(two)]);
    let service = Balance::new(handle.clone());
    let late = CallContext::default().deadline(tokio::time::Instant::now().into_std());
    for _ in 0..100 {
        let error = late.clone().scope(service.clone().oneshot(())).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Refused);
        // Nor those who are gone before they are polled.
        drop(late.clone().enter(|| task::spawn(service.clone().oneshot(()))));
    }
    assert!(handle.endpoints().iter().all(|endpoint| !endpoint.ejected));
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_eject_for_ever() {
    let (one, _first) = backend("one", Duration::ZERO);
    let (two, _second) = backend("two", Duration::ZERO);
    let handle = handle([one, two]);
    assert!(handle.eject("one", Duration::MAX));
    tokio::time::advance(1000 * SECOND).await;
    assert!(handle.endpoints()[0].ejected);
}

#[tokio::test(start_paused = true)]
async fn without_an_endpoint_a_call_is_refused_and_says_until_when() {
    let empty = Balance::new(handle::<Backend>([]));
    let error = empty.oneshot(()).await.unwrap_err();
    assert_eq!(error.to_string(), "balance `target`: there is no endpoint");
    assert_eq!(error.kind(), FailureKind::Refused);

    let (one, _control) = backend("one", Duration::ZERO);
    let outlier = OutlierConfig { panic_threshold: None, ..OutlierConfig::default() };
    let config = BalanceConfig { outlier, ..BalanceConfig::default() };
    let handle = BalanceHandle::new(Identity::new("target"), &config, [one]).unwrap();
    assert!(handle.eject("one", 3 * SECOND) && !handle.eject("none", SECOND));
    let service = Balance::new(handle);
    let error = service.clone().oneshot(()).await.unwrap_err();
    assert_eq!(error.to_string(), "balance `target`: every endpoint is ejected, try again in 3s");
    tokio::time::advance(3 * SECOND).await;
    assert_eq!(service.oneshot(()).await.unwrap(), "one");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_goes_to_another_endpoint_and_counts() {
    let (one, first) = backend("one", Duration::ZERO);
    let (two, second) = backend("two", Duration::ZERO);
    let gone = || Readiness::Err(Error::new(FailureKind::Transient, "hostile", "gone"));
    first.readiness((0..5).map(|_| gone()));
    let handle = handle([one, two]);
    let service = Balance::new(handle.clone());
    for _ in 0..100 {
        assert_eq!(service.clone().oneshot(()).await.unwrap(), "two");
        // Until its penalty is forgotten.
        tokio::time::advance(11 * SECOND).await;
        if handle.endpoints()[0].ejected {
            break;
        }
    }
    assert!(handle.endpoints()[0].ejected);
    second.readiness([gone()]);
    let mut service = service;
    assert_eq!(service.ready().await.map(|_| ()).unwrap_err().name(), "gone", "the last one that is used");
}

#[tokio::test(start_paused = true)]
async fn one_that_failed_to_become_ready_is_asked_again_while_the_others_are_not() {
    for seed in 0..4 {
        let (one, first) = backend("one", Duration::ZERO);
        let (two, second) = backend("two", Duration::ZERO);
        first.readiness([Readiness::Err(Error::new(FailureKind::Transient, "hostile", "restarting"))]);
        second.readiness([Readiness::Blocked]);
        let config = BalanceConfig::default();
        let handle = BalanceHandle::seeded(Identity::default(), &config, [one, two], seed).unwrap();
        let call = tokio::time::timeout(SECOND, Balance::new(handle).oneshot(()));
        assert_eq!(call.await.unwrap().unwrap(), "one");
    }
}

/// One that fails whenever it is asked whether it is ready, and counts how often it was.
#[derive(Clone)]
struct Failing(Arc<AtomicU32>);

impl Service<()> for Failing {
    type Response = &'static str;
    type Error = Error;
    type Future = std::future::Ready<Result<&'static str, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Err(Error::new(FailureKind::Transient, "hostile", "gone")))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        unreachable!("it is never ready")
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_keeps_failing_is_asked_again_at_leisure() {
    let ((name, blocked), control) = backend("blocked", Duration::ZERO);
    control.readiness([Readiness::Blocked]);
    let asked = Arc::new(AtomicU32::new(0));
    let outlier = OutlierConfig { max_ejected: 0.0, ..OutlierConfig::default() };
    let config = BalanceConfig { outlier, ..BalanceConfig::default() };
    let endpoints = [("failing", Either::Left(Failing(Arc::clone(&asked)))), (name, Either::Right(blocked))];
    let handle = BalanceHandle::seeded(Identity::default(), &config, endpoints, 7).unwrap();
    let call = tokio::time::timeout(SECOND, Balance::new(handle).oneshot(()));
    assert!(call.await.is_err());
    assert!((5..=11).contains(&asked.load(Ordering::Relaxed)), "{asked:?}");
}

#[tokio::test]
async fn a_waiting_call_keeps_its_place_in_the_queue_when_the_set_changes() {
    let limited = |(name, service)| (name, ConcurrencyLimit::new(service, 1));
    let (one, control) = backend("one", Duration::ZERO);
    control.answers([Answer::Hang]);
    let handle = handle([limited(one)]);
    let service = Balance::new(handle.clone());
    let mut holds = task::spawn(service.clone().oneshot(()));
    assert_pending!(holds.poll());
    let (mut one, mut two) = (service.clone(), service);
    let mut first = task::spawn(one.ready());
    assert_pending!(first.poll());
    let mut second = task::spawn(two.ready());
    assert_pending!(second.poll());

    let (two, blocked) = backend("two", Duration::ZERO);
    blocked.readiness([Readiness::Blocked, Readiness::Blocked, Readiness::Blocked]);
    let (name, two) = limited(two);
    handle.insert(name, two);
    assert_pending!(second.poll());
    assert_pending!(first.poll());
    assert!(handle.remove("two"));
    assert_pending!(second.poll());
    assert_pending!(first.poll());

    drop(holds);
    assert_pending!(second.poll());
    assert_ready_ok!(first.poll());
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_dropped_late_make_an_endpoint_look_slow() {
    let (good, _good) = backend("good", 20 * MILLI);
    let (service, hanging) = HostileService::new(|()| Answer::Hang);
    let handle = handle([good, ("hanging", service)]);
    let service = Balance::new(handle.clone());
    for _ in 0..200 {
        let _either = tokio::time::timeout(SECOND, service.clone().oneshot(())).await;
    }
    let calls = hanging.counts().calls;
    assert!((1..=5).contains(&calls), "{calls}");
    assert!(!handle.endpoints()[1].ejected, "nobody knows that it failed");
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_point_leaves_nothing_behind() {
    for polls in 0..8 {
        let (one, first) = backend("one", 10 * MILLI);
        first.readiness([Readiness::Pending(2)]);
        let handle = handle([one]);
        let mut call = task::spawn(Balance::new(handle.clone()).oneshot(()));
        for _ in 0..polls {
            if call.poll().is_ready() {
                break;
            }
            tokio::time::advance(3 * MILLI).await;
        }
        drop(call);
        let counts = first.counts();
        assert_eq!((counts.in_flight, counts.holding, counts.instances), (0, 0, 1), "after {polls} polls");
        assert_eq!(handle.endpoints()[0].in_flight, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_until_its_deadline_counts_and_a_dropped_one_does_not() {
    let hanging = || HostileService::<(), &'static str, Error>::new(|()| Answer::Hang).0;
    let run = async |deadline: Option<Duration>| {
        let handle = handle([("one", hanging()), ("two", hanging())]);
        let service = Balance::new(handle.clone());
        for _ in 0..20 {
            let mut context = CallContext::default();
            if let Some(time) = deadline {
                context = context.within(time, tokio::time::Instant::now().into_std());
            }
            let call = context.scope(service.clone().oneshot(()));
            assert!(tokio::time::timeout(SECOND, call).await.is_err());
        }
        handle.endpoints().iter().filter(|endpoint| endpoint.ejected).count()
    };
    assert_eq!(run(Some(SECOND)).await, 1);
    assert_eq!(run(None).await, 0);
}

#[tokio::test(start_paused = true)]
async fn calls_over_limits_of_one_never_wedge() {
    let (one, _first) = backend("one", MILLI);
    let (two, _second) = backend("two", MILLI);
    let limited = |(name, service)| (name, ConcurrencyLimit::new(service, 1));
    let service = Balance::new(handle([limited(one), limited(two)]));
    let calls: Vec<_> = (0..100).map(|_| tokio::spawn(service.clone().oneshot(()))).collect();
    for call in calls {
        tokio::time::timeout(60 * SECOND, call).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_clone_is_not_ready() {
    let (one, control) = backend("one", Duration::ZERO);
    let mut service = Balance::new(handle([one]));
    service.ready().await.unwrap();
    service.ready().await.unwrap();
    assert_eq!(control.counts().holding, 1);
    let clone = service.clone();
    assert_eq!(control.counts().holding, 1);
    assert_eq!(clone.oneshot(()).await.unwrap(), "one");
    assert_eq!(service.call(()).await.unwrap(), "one");
}

#[tokio::test(start_paused = true)]
async fn the_configuration_changes_while_it_runs() {
    let (events, identity) = Events::new();
    let (one, _first) = backend("one", Duration::ZERO);
    let (two, _second) = backend("two", Duration::ZERO);
    let handle = BalanceHandle::new(identity, &BalanceConfig::default(), [one, two]).unwrap();
    let bad = BalanceConfig { latency_decay: Duration::ZERO, ..BalanceConfig::default() };
    assert_eq!(handle.reconfigure(&bad).unwrap_err().to_string(), "latency_decay is 0s: must be above zero");
    handle.eject("two", SECOND);
    let outlier = OutlierConfig { panic_threshold: Some(0.6), ..OutlierConfig::default() };
    handle.reconfigure(&BalanceConfig { outlier, ..BalanceConfig::default() }).unwrap();
    let wait = SECOND;
    let told = |target: &str, event| (target.to_owned(), event);
    assert_eq!(
        events.all(),
        [
            told("target", Event::ReconfigurationRefused),
            told("two", Event::Ejected { reason: "by an operator", wait }),
            told("target", Event::PanicEntered { healthy: 0.5 }),
            told("target", Event::Reconfigured),
        ]
    );
    assert!(handle.endpoints()[1].ejected, "ejections stay");
}

fn shared<T: Clone + Send + Sync>() {}

fn handle_is_shared_for<S: Clone + Send>(_: S) {
    shared::<BalanceHandle<S>>();
}

#[test]
fn it_can_be_shared_and_sent() {
    shared::<Balance<Backend>>();
    // A service that is only `Send` will do.
    handle_is_shared_for(std::cell::Cell::new(1));
}

/// Five time-outs in a row would eject it; these are no time-outs.
#[tokio::test(start_paused = true)]
async fn deadlines_that_pass_in_an_endpoints_own_queue_do_not_eject_it() {
    let ((_, service), control) = backend("one", MILLI);
    let one = ConcurrencyLimitConfig::fixed(NonZeroU32::MIN);
    let limit = ConcurrencyLimitHandle::new(Identity::default(), &one).unwrap();
    // The wait is in the call, as behind a buffer: the balance does not see that the endpoint is not ready.
    let limited = ConcurrencyLimitLayer::new(limit).layer(service);
    let in_call = limited.clone();
    let endpoint = service_fn(move |()| in_call.clone().oneshot(()));
    let (other, _other) = backend("two", MILLI);
    let two = service_fn(move |()| other.1.clone().oneshot(()));
    let handle = handle([("one", Either::Left(endpoint)), ("two", Either::Right(two))]);
    handle.eject("two", Duration::MAX);
    control.answers([Answer::Hang]);
    let mut held = task::spawn(limited.oneshot(()));
    assert_pending!(held.poll());
    let service = Balance::new(handle.clone());
    for _ in 0..10 {
        let now = tokio::time::Instant::now().into_std();
        let call = CallContext::default().within(10 * MILLI, now).scope(service.clone().oneshot(()));
        assert_eq!(call.await.unwrap_err().kind(), FailureKind::Refused);
    }
    assert!(!handle.endpoints()[0].ejected);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_ejected_and_taken_back_for_reasons_of_ones_own() {
    let (events, identity) = Events::new();
    let (one, first) = backend("one", MILLI);
    let (two, second) = backend("two", MILLI);
    let set = BalanceHandle::seeded(identity, &BalanceConfig::default(), [one, two], 7).unwrap();
    let service = Balance::new(set.clone());
    assert!(set.eject_because("one", 1000 * SECOND, "its health probes fail"));
    for _ in 0..20 {
        assert_eq!(service.clone().oneshot(()).await.unwrap(), "two");
    }
    assert!(set.readmit("one") && !set.readmit("nobody"));
    assert!(set.readmit("two"), "one that is not ejected stays as it is");
    for _ in 0..20 {
        service.clone().oneshot(()).await.unwrap();
    }
    assert!(first.counts().calls > 0 && second.counts().calls > 20);
    let told = events.all();
    let ejected = Event::Ejected { reason: "its health probes fail", wait: 1000 * SECOND };
    assert_eq!(told, [("one".to_owned(), ejected), ("one".to_owned(), Event::Readmitted)]);
}
