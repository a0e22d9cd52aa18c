use std::error::Error as _;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seawall_core::{CallContext, Error, Event, FailureKind, Priority};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::{Coalesce, CoalesceLayer};
use tokio::time::{Instant, sleep, timeout};
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::recorder::Recorder;

type Key = fn(&&'static str) -> Option<&'static str>;
type Coalescing =
    Coalesce<HostileService<&'static str, &'static str, Error>, Key, &'static str, &'static str>;
type Control = Hostile<&'static str, Error>;

const SECOND: Duration = Duration::from_secs(1);

fn layer() -> CoalesceLayer<Key, &'static str, &'static str> {
    CoalesceLayer::new(|request| Some(*request))
}

fn coalescing() -> (Coalescing, Control) {
    let (inner, control) = HostileService::echo();
    (layer().layer(inner), control)
}

fn within(time: Duration) -> CallContext {
    CallContext::default().within(time, Instant::now().into_std())
}

/// Makes so many calls at the same time, after which all of them wait.
async fn calls(
    service: &Coalescing,
    number: usize,
) -> Vec<tokio::task::JoinHandle<Result<&'static str, Error>>> {
    let calls = (0..number).map(|_| tokio::spawn(service.clone().oneshot("hello"))).collect();
    sleep(Duration::from_millis(1)).await;
    calls
}

#[tokio::test(start_paused = true)]
async fn many_calls_that_ask_for_the_same_are_one() {
    let recorder = Arc::new(Recorder::default());
    let (inner, control) = HostileService::echo();
    let service = layer().identity(recorder.identity()).layer(inner);
    control.answers([Answer::Ok("shared").after(SECOND)]);
    let callers = calls(&service, 100).await;
    assert_eq!(service.under_way(), 1);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), "shared");
    }
    assert_eq!((control.counts().calls, service.under_way()), (1, 0));
    assert_eq!(recorder.of("coalesce"), [Event::Coalesced; 99]);

    assert_eq!(service.oneshot("hello").await.unwrap(), "hello", "what comes later is made anew");
    assert_eq!(control.counts().calls, 2);
}

#[tokio::test(start_paused = true)]
async fn what_differs_is_not_joined_and_what_has_no_key_passes_through() {
    let (inner, control) =
        HostileService::<u32, u32, Error>::new(|request| Answer::Ok(request).after(SECOND));
    let service = CoalesceLayer::new(|request: &u32| (*request > 0).then_some(*request)).layer(inner);
    let calls = [1, 2, 1, 0, 0].map(|request| tokio::spawn(service.clone().oneshot(request)));
    for (call, expected) in calls.into_iter().zip([1, 2, 1, 0, 0]) {
        assert_eq!(call.await.unwrap().unwrap(), expected);
    }
    assert_eq!(control.counts().calls, 4);
}

/// tower-resilience's coalesce polls a waiter 1.34 million times in half a second.
#[tokio::test(start_paused = true)]
async fn a_wait_costs_two_polls_however_often_the_call_itself_is_woken() {
    let inner = service_fn(|()| async {
        for _ in 0..500 {
            sleep(Duration::from_millis(1)).await;
        }
        Ok::<_, Error>(())
    });
    let service = CoalesceLayer::new(|(): &()| Some(())).layer(inner);
    let callers = (0..50).map(|_| {
        let service = service.clone();
        tokio::spawn(async move {
            let mut call = pin!(service.oneshot(()));
            let mut polls = 0;
            let counted = poll_fn(|cx| {
                polls += 1;
                call.as_mut().poll(cx)
            });
            counted.await.unwrap();
            polls
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert_eq!(caller.await.unwrap(), 2);
    }
}

/// moka's `get_with` cancels the load with the caller that began it.
#[tokio::test(start_paused = true)]
async fn the_caller_that_began_the_call_can_give_up_without_the_others() {
    let (service, control) = coalescing();
    control.answers([Answer::Ok("shared").after(SECOND)]);
    let first = tokio::spawn(service.clone().oneshot("hello"));
    let others = calls(&service, 3).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    for caller in others {
        assert_eq!(caller.await.unwrap().unwrap(), "shared");
    }
    assert_eq!((control.counts().calls, control.counts().dropped), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn when_the_last_caller_gives_up_the_call_is_cancelled() {
    let (service, control) = coalescing();
    control.answers([Answer::Hang]);
    let callers = calls(&service, 3).await;
    for (gone, caller) in callers.into_iter().enumerate() {
        assert_eq!((control.counts().dropped, service.under_way()), (0, 1), "{gone} are gone");
        caller.abort();
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!((control.counts().dropped, service.under_way()), (1, 0));
    assert_eq!(service.oneshot("hello").await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn each_caller_waits_until_its_own_deadline() {
    let recorder = Arc::new(Recorder::default());
    let (inner, control) = HostileService::<u32, u32, Error>::echo();
    let service =
        CoalesceLayer::new(|request: &u32| Some(*request)).identity(recorder.identity()).layer(inner);
    control.answers([Answer::Ok(7).after(5 * SECOND)]);
    let began = Instant::now();
    // The first has the least time.
    let callers = [1, 2, 9].map(|seconds| {
        let call = within(seconds * SECOND).scope(service.clone().oneshot(1));
        tokio::spawn(async move { (call.await, began.elapsed().as_secs()) })
    });
    let [first, second, third] = callers;
    for (caller, seconds) in [(first, 1), (second, 2)] {
        let (answer, waited) = caller.await.unwrap();
        let error = answer.unwrap_err();
        assert_eq!((error.kind(), error.layer(), waited), (FailureKind::Timeout, "coalesce", seconds));
        assert!(error.may_have_executed());
    }
    let (answer, waited) = third.await.unwrap();
    assert_eq!((answer.unwrap(), waited), (7, 5));
    assert_eq!(control.counts().calls, 1);
    let late = |event: &Event| matches!(event, Event::TimedOut { after } if *after >= SECOND);
    assert_eq!(recorder.of("coalesce").iter().filter(|event| late(event)).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_deadline_has_passed_waits_no_longer_though_its_future_is_kept() {
    let (mut service, control) = coalescing();
    control.answers([Answer::Hang]);
    let mut call = pin!(within(SECOND).scope_with(|| service.call("hello")));
    assert_eq!(call.as_mut().await.unwrap_err().kind(), FailureKind::Timeout);
    sleep(Duration::from_millis(1)).await;
    assert_eq!((control.counts().dropped, service.under_way()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_call_has_its_own_time_and_the_first_callers_priority() {
    let inner = service_fn(|()| async {
        sleep(Duration::from_millis(1)).await;
        let context = CallContext::current();
        let left = context.remaining(Instant::now().into_std()).unwrap();
        Ok::<_, Error>((context.priority_class(), left.as_secs_f64().round() as u64))
    });
    let service = CoalesceLayer::new(|(): &()| Some(())).timeout(7 * SECOND).layer(inner);
    let first = within(SECOND).priority(Priority::Critical).scope(service.clone().oneshot(()));
    let second = within(60 * SECOND).priority(Priority::Low).scope(service.oneshot(()));
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.unwrap(), (Priority::Critical, 7));
    assert_eq!(second.unwrap(), (Priority::Critical, 7));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_given_up_for_everybody_and_made_anew() {
    let (service, control) = coalescing();
    control.answers([Answer::Hang]);
    let began = Instant::now();
    for caller in calls(&service, 3).await {
        let error = caller.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.elapsed()), (FailureKind::Timeout, 30 * SECOND));
    }
    assert_eq!(began.elapsed().as_secs(), 30);
    assert_eq!(control.counts().dropped, 1);
    assert_eq!(service.oneshot("hello").await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn the_time_of_calls_to_come_can_be_changed_and_taken_away() {
    let recorder = Arc::new(Recorder::default());
    let (inner, control) = HostileService::<_, _, Error>::echo();
    let layer = layer().identity(recorder.identity());
    let handle = layer.handle();
    let service = layer.layer(inner);
    handle.set(Some(SECOND)).unwrap();
    handle.set(Some(Duration::ZERO)).unwrap_err();
    control.answers([Answer::Hang]);
    let error = service.clone().oneshot("hello").await.unwrap_err();
    assert_eq!((error.kind(), error.elapsed()), (FailureKind::Timeout, SECOND));

    handle.set(None).unwrap();
    control.answers([Answer::Ok("late").after(3600 * SECOND)]);
    assert_eq!(service.oneshot("hello").await.unwrap(), "late");
    let timed_out = Event::TimedOut { after: SECOND };
    let (set, refused) = (Event::Reconfigured, Event::ReconfigurationRefused);
    assert_eq!(recorder.of("coalesce"), [set, refused, timed_out, set]);
}

#[tokio::test(start_paused = true)]
async fn an_error_reaches_every_caller_as_it_is() {
    let (service, control) = coalescing();
    let wait = FailureKind::Overloaded { retry_after: Some(SECOND) };
    let cause = std::io::Error::other("connection reset by peer");
    let error = Error::new(wait, "hostile", "db-1").with_source(cause).not_executed();
    control.answers([Answer::Err(error.clone()).after(SECOND)]);
    for caller in calls(&service, 3).await {
        let told = caller.await.unwrap().unwrap_err();
        assert_eq!(format!("{told:?}"), format!("{error:?}"));
        assert!(told.source().unwrap().is::<std::io::Error>());
    }
    assert_eq!(control.counts().calls, 1);
    assert_eq!(service.oneshot("hello").await.unwrap(), "hello", "failures are not kept");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_error_to_every_caller_and_the_next_call_is_made() {
    let (service, control) = coalescing();
    control.answers([Answer::Panic.after(SECOND)]);
    for caller in calls(&service, 3).await {
        let error = caller.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert_eq!(error.to_string(), "coalesce `default`: the call panicked");
    }
    assert_eq!((control.counts().in_flight, service.under_way()), (0, 0));
    assert_eq!(service.oneshot("hello").await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn joining_needs_no_place_under_the_limit_below() {
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let service = layer().layer(ConcurrencyLimit::new(inner, 1));
    control.answers([Answer::Ok("shared").after(SECOND)]);
    let began = Instant::now();
    let callers: Vec<_> = (0..20).map(|_| tokio::spawn(service.clone().oneshot("hello"))).collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), "shared");
    }
    assert_eq!((control.counts().calls, began.elapsed().as_secs()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn giving_up_while_the_inner_service_is_not_ready_gives_everything_back() {
    let (service, control) = coalescing();
    control.readiness([Readiness::Blocked]);
    let call = timeout(SECOND, service.clone().oneshot("hello")).await;
    call.unwrap_err();
    sleep(Duration::from_millis(1)).await;
    assert_eq!((control.counts().instances, service.under_way()), (1, 0));
    control.unblock();
    assert_eq!(service.oneshot("hello").await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn two_services_of_one_layer_share_nothing() {
    let layer = layer();
    let (one, first) = HostileService::<&str, &str, Error>::echo();
    let (other, second) = HostileService::<&str, &str, Error>::echo();
    first.answers([Answer::Ok("one").after(SECOND)]);
    second.answers([Answer::Ok("other").after(SECOND)]);
    let answers = tokio::join!(layer.layer(one).oneshot("same"), layer.layer(other).oneshot("same"));
    assert_eq!((answers.0.unwrap(), answers.1.unwrap()), ("one", "other"));
}

#[test]
fn a_call_whose_runtime_shut_down_is_an_error_and_does_not_block_its_key() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (service, control) = coalescing();
    control.answers([Answer::Hang]);
    let doomed = runtime();
    let call = {
        let _there = doomed.enter();
        service.clone().call("hello")
    };
    doomed.block_on(tokio::task::yield_now());
    assert_eq!(control.counts().in_flight, 1);
    drop(doomed);
    let next = runtime();
    assert_eq!(next.block_on(call).unwrap_err().kind(), FailureKind::Cancelled);
    assert_eq!(next.block_on(service.oneshot("hello")).unwrap(), "hello");
}

#[test]
fn threads_that_call_and_give_up_at_once_get_their_answers_and_leave_nothing_behind() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.block_on(async {
        let made = Arc::new(AtomicU32::new(0));
        let inner = {
            let made = Arc::clone(&made);
            service_fn(move |round: u32| {
                made.fetch_add(1, Ordering::Relaxed);
                async move {
                    tokio::task::yield_now().await;
                    Ok::<_, Error>(round)
                }
            })
        };
        let service = CoalesceLayer::new(|round: &u32| Some(*round)).layer(inner);
        for round in 0..300 {
            let callers: Vec<_> = (0..8).map(|_| tokio::spawn(service.clone().oneshot(round))).collect();
            for (number, caller) in callers.into_iter().enumerate() {
                if number % 3 == 0 {
                    caller.abort();
                    let _either = caller.await;
                } else {
                    assert_eq!(caller.await.unwrap().unwrap(), round);
                }
            }
            assert_eq!(service.under_way(), 0);
        }
        let made = made.load(Ordering::Relaxed);
        assert!((300..300 * 8).contains(&made), "{made}");
    });
}
