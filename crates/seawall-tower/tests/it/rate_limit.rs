use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seawall_core::{ByKind, CallContext, Error, Event, FailureKind, RateLimitConfig};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::{RateLimit, RateLimitLayer, RateLimiterHandle};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::recorder::Recorder;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

type Inner = HostileService<&'static str, &'static str, Error>;

pub(crate) fn permits(permits: u32) -> NonZeroU32 {
    NonZeroU32::new(permits).unwrap()
}

/// One permit every 10 ms.
pub(crate) fn config(burst: u32) -> RateLimitConfig {
    RateLimitConfig { burst: permits(burst), ..RateLimitConfig::default() }
}

struct Bench {
    service: RateLimit<Inner, ByKind>,
    control: Hostile<&'static str, Error>,
    limiter: RateLimiterHandle,
    recorder: Arc<Recorder>,
}

fn bench(config: &RateLimitConfig) -> Bench {
    let recorder = Arc::new(Recorder::default());
    let limiter = RateLimiterHandle::new(recorder.identity(), config).unwrap();
    let (inner, control) = HostileService::echo();
    let service = RateLimitLayer::new(limiter.clone()).layer(inner);
    Bench { service, control, limiter, recorder }
}

impl Bench {
    async fn call(&self) -> Result<&'static str, Error> {
        self.service.clone().oneshot("hello").await
    }

    fn take(&self, count: u32) {
        self.limiter.try_acquire(permits(count)).unwrap();
    }

    fn events(&self) -> Vec<Event> {
        self.recorder.of("rate_limit")
    }
}

/// When each of `count` calls started that came at once, in the order in which they started.
async fn starts(limiter: &RateLimiterHandle, count: u32) -> Vec<(u32, Duration)> {
    let began = Instant::now();
    let starts = Arc::new(Mutex::new(vec![]));
    let record = Arc::clone(&starts);
    let service = RateLimitLayer::new(limiter.clone()).layer(service_fn(move |call: u32| {
        record.lock().unwrap().push((call, began.elapsed()));
        async { Ok::<_, Error>(()) }
    }));
    let calls: Vec<_> = (0..count).map(|call| tokio::spawn(service.clone().oneshot(call))).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let starts = starts.lock().unwrap();
    starts.clone()
}

/// Governor's and tower-resilience's waiters sleep to one instant and race.
#[tokio::test(start_paused = true)]
async fn those_who_wait_start_one_by_one_in_the_order_they_came() {
    let bench = bench(&config(1));
    let expected: Vec<_> = (0..50).map(|call| (call, call * 10 * MS)).collect();
    assert_eq!(starts(&bench.limiter, 50).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_burst_starts_at_once_and_the_rest_one_by_one() {
    let bench = bench(&config(4));
    let expected: Vec<_> = (0..10).map(|call: u32| (call, call.saturating_sub(3) * 10 * MS)).collect();
    assert_eq!(starts(&bench.limiter, 10).await, expected);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_once() {
    let bench = bench(&config(1));
    bench.take(1);
    let mut waiting: Vec<_> = (0..48).map(|_| task::spawn(bench.service.clone().oneshot("hello"))).collect();
    for call in &mut waiting {
        assert_pending!(call.poll());
    }
    let mut wakes = 0;
    for _ in 0..500 {
        tokio::time::advance(MS).await;
        for call in waiting.iter_mut().filter(|call| call.is_woken()) {
            wakes += 1;
            assert_ready_ok!(call.poll());
        }
        waiting.retain(|call| !call.is_woken());
    }
    assert_eq!((wakes, bench.control.counts().calls), (48, 48));
}

/// Tower-resilience's limiter takes the inner service's slot first and then sleeps for up to its whole time-out.
#[tokio::test(start_paused = true)]
async fn who_waits_for_its_turn_holds_nothing_that_others_could_use() {
    let bench = bench(&config(1));
    let shared =
        ServiceBuilder::new().concurrency_limit(1).service(service_fn(|()| async { Ok::<_, Error>(()) }));
    let limited = RateLimitLayer::new(bench.limiter.clone()).layer(shared.clone());
    bench.take(1);
    let mut waiting = task::spawn(limited.oneshot(()));
    assert_pending!(waiting.poll());
    let mut other = task::spawn(shared.oneshot(()));
    assert_ready_ok!(other.poll());
}

/// Tower-resilience computes the wait and throws it away.
#[tokio::test(start_paused = true)]
async fn a_refusal_says_how_long_the_wait_would_be() {
    let bench = bench(&RateLimitConfig { max_wait: Some(30 * MS), ..config(1) });
    bench.take(1);
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let mut call = task::spawn(bench.service.clone().oneshot("hello"));
            assert_pending!(call.poll());
            call
        })
        .collect();
    let error = bench.call().await.unwrap_err();
    assert_eq!((error.kind(), error.layer(), error.name()), (FailureKind::Refused, "rate_limit", "target"));
    assert_eq!(error.retry_after(), Some(40 * MS), "three are ahead of it");
    assert!(!error.may_have_executed());
    let reason = "the rate limit is reached";
    assert_eq!(bench.events(), [Event::Refused { reason, retry_after: Some(40 * MS) }]);
    assert_eq!(bench.control.counts().polls, 0, "the inner service was not asked");

    for call in waiting {
        call.await.unwrap();
    }
    let mut next = task::spawn(bench.service.clone().oneshot("hello"));
    assert_pending!(next.poll());
    let refusal = bench.limiter.try_acquire(permits(1)).unwrap_err();
    assert_eq!(refusal.wait(), Some(20 * MS), "those who were served are not ahead any more");
}

#[tokio::test(start_paused = true)]
async fn with_waiting_off_a_call_is_refused_at_once() {
    let bench = bench(&RateLimitConfig { max_wait: None, ..config(1) });
    bench.call().await.unwrap();
    let error = bench.call().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(10 * MS));
    tokio::time::advance(10 * MS).await;
    bench.call().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_beyond_the_bound_of_the_line_is_refused() {
    let bench = bench(&RateLimitConfig { max_waiting: 2, ..config(1) });
    bench.take(1);
    let mut waiting: Vec<_> = (0..2).map(|_| task::spawn(bench.service.clone().oneshot("hello"))).collect();
    for call in &mut waiting {
        assert_pending!(call.poll());
    }
    assert_eq!(bench.limiter.waiting(), 2);
    let error = bench.call().await.unwrap_err();
    assert!(error.to_string().contains("too many calls wait, try again in 30ms"), "{error}");

    waiting.pop();
    assert_eq!(bench.call().await.unwrap(), "hello", "a place became free");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_deadline_comes_before_its_turn_is_refused_at_once() {
    let bench = bench(&config(1));
    bench.take(1);
    let began = Instant::now();
    let call = |within| {
        CallContext::default().within(within, began.into_std()).scope(bench.service.clone().oneshot("hello"))
    };
    let error = call(9 * MS).await.unwrap_err();
    assert!(error.to_string().contains("the deadline comes before its turn, try again in 10ms"), "{error}");
    assert_eq!(began.elapsed(), Duration::ZERO);
    call(10 * MS).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_tells_for_how_long() {
    let bench = bench(&config(1));
    bench.take(1);
    bench.call().await.unwrap();
    assert_eq!(bench.events(), [Event::Dequeued { waited: 10 * MS }]);
}

/// Axum calls `layer()` for each route.
#[tokio::test(start_paused = true)]
async fn all_layers_and_clones_of_a_handle_share_the_limit() {
    let bench = bench(&RateLimitConfig { max_wait: None, ..config(4) });
    let layer = RateLimitLayer::new(bench.limiter.clone());
    let route = || layer.clone().layer(HostileService::<&'static str, &'static str, Error>::echo().0);
    for _ in 0..2 {
        route().oneshot("hello").await.unwrap();
        let one = route();
        one.clone().oneshot("hello").await.unwrap();
    }
    assert!(route().oneshot("hello").await.is_err());
    assert!(bench.call().await.is_err());
}

/// Asked of governor (#273, #39): its quota cannot change.
#[tokio::test(start_paused = true)]
async fn another_limit_is_in_force_at_once_for_those_who_wait_too() {
    let bench = bench(&config(1));
    bench.take(1);
    let mut waiting: Vec<_> = (0..3).map(|_| task::spawn(bench.service.clone().oneshot("hello"))).collect();
    for call in &mut waiting {
        assert_pending!(call.poll());
    }
    let faster = RateLimitConfig { limit: permits(1_000), ..config(1) };
    bench.limiter.reconfigure(&faster).unwrap();
    assert_eq!(bench.events(), [Event::LimitChanged { limit: 1000.0 }, Event::Reconfigured]);
    let began = Instant::now();
    for call in waiting {
        call.await.unwrap();
    }
    assert_eq!(began.elapsed(), 3 * MS);

    let broken = RateLimitConfig { period: Duration::ZERO, ..config(1) };
    assert_eq!(bench.limiter.reconfigure(&broken).unwrap_err().field(), "period");
    assert_eq!(bench.events().last(), Some(&Event::ReconfigurationRefused));
    assert_eq!(starts(&bench.limiter, 2).await[1].1, 2 * MS, "the limit is the one in force");
}

#[tokio::test(start_paused = true)]
async fn a_lower_limit_makes_those_who_wait_wait_longer_and_give_up_in_time() {
    let bench = bench(&RateLimitConfig { max_wait: Some(100 * MS), ..config(1) });
    bench.take(1);
    let mut calls: Vec<_> = (0..3).map(|_| task::spawn(bench.service.clone().oneshot("hello"))).collect();
    for call in &mut calls {
        assert_pending!(call.poll());
    }
    let began = Instant::now();
    // One permit every 40 ms: the turns are at 40, 80 and 120 ms now.
    bench.limiter.reconfigure(&RateLimitConfig { limit: permits(25), ..config(1) }).unwrap();
    let last = calls.pop().unwrap();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(began.elapsed(), 80 * MS);
    let error = last.await.unwrap_err();
    assert_eq!(error.retry_after(), Some(40 * MS));
    assert!(began.elapsed() <= 100 * MS, "it does not wait in vain");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_retry_after_pauses_everybody() {
    let bench = bench(&RateLimitConfig { max_wait: Some(500 * MS), ..config(10) });
    let overloaded = |wait| Answer::failure(FailureKind::Overloaded { retry_after: Some(wait) });
    bench.control.answers([overloaded(SECOND)]);
    bench.call().await.unwrap_err();
    assert_eq!(bench.events(), [Event::Paused { wait: SECOND }]);

    let error = bench.call().await.unwrap_err();
    assert_eq!((error.layer(), error.retry_after()), ("rate_limit", Some(SECOND)));
    assert!(error.to_string().contains("the backend asked for a pause"), "{error}");

    tokio::time::advance(600 * MS).await;
    let began = Instant::now();
    bench.call().await.unwrap();
    bench.call().await.unwrap();
    assert_eq!(began.elapsed(), 410 * MS, "one by one after the pause");
}

#[tokio::test(start_paused = true)]
async fn who_waits_when_a_pause_comes_waits_it_out_or_is_told_in_time() {
    let bench = bench(&RateLimitConfig { max_wait: Some(500 * MS), ..config(1) });
    bench.take(1);
    let mut patient = task::spawn(bench.service.clone().oneshot("hello"));
    assert_pending!(patient.poll());
    let began = Instant::now();
    let context = CallContext::default().within(100 * MS, began.into_std());
    let mut hurried = task::spawn(context.scope(bench.service.clone().oneshot("hello")));
    assert_pending!(hurried.poll());
    bench.limiter.pause(300 * MS);

    let error = hurried.await.unwrap_err();
    assert!(error.to_string().contains("the deadline comes before its turn"), "{error}");
    assert!(began.elapsed() <= 100 * MS);
    patient.await.unwrap();
    assert_eq!(began.elapsed(), 300 * MS);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_clamped() {
    let bench = bench(&RateLimitConfig { max_retry_after: 2 * SECOND, max_wait: None, ..config(1) });
    let failure = Answer::failure(FailureKind::Overloaded { retry_after: Some(3600 * SECOND) });
    bench.control.answers([failure]);
    bench.call().await.unwrap_err();
    assert_eq!(bench.call().await.unwrap_err().retry_after(), Some(2 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn readiness_that_fails_with_retry_after_pauses_too() {
    let bench = bench(&config(1));
    let kind = FailureKind::Overloaded { retry_after: Some(SECOND) };
    bench.control.readiness([Readiness::Err(Error::new(kind, "hostile", "pool"))]);
    bench.call().await.unwrap_err();
    assert_eq!(bench.events(), [Event::Paused { wait: SECOND }]);
}

#[tokio::test(start_paused = true)]
async fn a_ready_service_that_is_dropped_gives_its_permit_back() {
    let bench = bench(&RateLimitConfig { max_wait: None, ..config(1) });
    let mut service = bench.service.clone();
    service.ready().await.unwrap();
    service.ready().await.unwrap();
    assert_eq!(bench.limiter.balance(), 0);
    assert!(bench.call().await.is_err());
    drop(service);
    assert_eq!(bench.limiter.balance(), 1);
    bench.call().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_permit_given_back_goes_to_the_next_in_line() {
    let bench = bench(&config(1));
    let mut ready = bench.service.clone();
    ready.ready().await.unwrap();
    let mut next = task::spawn(bench.service.clone().oneshot("hello"));
    assert_pending!(next.poll());
    drop(ready);
    assert!(next.is_woken());
    assert_ready_ok!(next.poll());
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_line_makes_room_for_those_behind() {
    let bench = bench(&config(1));
    bench.take(1);
    let mut waiting: Vec<_> = (0..4).map(|_| task::spawn(bench.service.clone().oneshot("hello"))).collect();
    for call in &mut waiting {
        assert_pending!(call.poll());
    }
    // From the middle and from the front: the last is second now, and the third first.
    drop(waiting.remove(1));
    drop(waiting.remove(0));
    assert!(waiting[0].is_woken(), "its turn has come nearer");
    let began = Instant::now();
    for (turn, call) in (1..).zip(waiting) {
        call.await.unwrap();
        assert_eq!(began.elapsed(), turn * 10 * MS);
    }
    assert_eq!(bench.limiter.waiting(), 0);
}

/// As in `select!` over `ready()`, with the service kept for later.
#[tokio::test(start_paused = true)]
async fn a_place_in_the_line_that_nobody_polls_any_more_holds_up_nobody() {
    let bench = bench(&config(1));
    bench.take(1);
    let mut kept = bench.service.clone();
    let mut waiting = task::spawn(async { kept.ready().await.map(|_| ()) });
    assert_pending!(waiting.poll());
    drop(waiting);

    let began = Instant::now();
    bench.call().await.unwrap();
    assert_eq!(began.elapsed(), 30 * MS, "it comes by at 20 ms, serves the one before it, and is next");
    assert_eq!(kept.ready().await.unwrap().call("hello").await.unwrap(), "hello");
    assert_eq!(began.elapsed(), 30 * MS, "its turn was kept for it");
}

#[tokio::test(start_paused = true)]
async fn a_new_call_does_not_overtake_those_who_wait() {
    let bench = bench(&config(1));
    bench.take(1);
    let mut kept = bench.service.clone();
    let mut waiting = task::spawn(async { kept.ready().await.map(|_| ()) });
    assert_pending!(waiting.poll());
    tokio::time::advance(15 * MS).await;
    // There is a permit, and it is the other's.
    let mut new = task::spawn(bench.service.clone().oneshot("hello"));
    assert_pending!(new.poll());
    assert!(waiting.is_woken());
    assert_ready_ok!(waiting.poll());
}

#[tokio::test(start_paused = true)]
async fn a_handle_limits_what_is_no_service() {
    let bench = bench(&config(3));
    let began = Instant::now();
    bench.limiter.acquire(permits(3)).await.unwrap();
    let refusal = bench.limiter.try_acquire(permits(2)).unwrap_err();
    assert_eq!(refusal.wait(), Some(20 * MS));
    bench.limiter.acquire(permits(2)).await.unwrap();
    assert_eq!(began.elapsed(), 20 * MS);
    let refusal = bench.limiter.acquire(permits(4)).await.unwrap_err();
    assert_eq!((refusal.reason(), refusal.wait()), ("the call weighs more than the burst", None));

    let mut dropped = task::spawn(bench.limiter.acquire(permits(3)));
    assert_pending!(dropped.poll());
    drop(dropped);
    assert_eq!(bench.limiter.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_more_than_a_smaller_burst_allows_is_refused() {
    let bench = bench(&config(3));
    bench.take(3);
    let mut heavy = task::spawn(bench.limiter.acquire(permits(3)));
    let mut light = task::spawn(bench.limiter.acquire(permits(1)));
    assert_pending!(heavy.poll());
    assert_pending!(light.poll());
    bench.limiter.reconfigure(&config(2)).unwrap();
    assert!(heavy.is_woken());
    let refusal = assert_ready!(heavy.poll()).unwrap_err();
    assert_eq!(refusal.reason(), "the call weighs more than the burst");
    light.await.unwrap();
}

/// Random calls that come, wait, are refused and are dropped: those that start do so in order, and never too many.
#[tokio::test(start_paused = true)]
async fn whatever_comes_and_goes_the_order_and_the_limit_hold() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let burst = rng.u32(1..5);
        let bench = bench(&RateLimitConfig { max_wait: Some(80 * MS), max_waiting: 6, ..config(burst) });
        let began = Instant::now();
        let (mut waiting, mut starts) = (vec![], vec![]);
        for number in 0..300 {
            match rng.u32(0..10) {
                0..4 => waiting.push((number, task::spawn(bench.service.clone().oneshot("hello")), false)),
                4 if !waiting.is_empty() => drop(waiting.remove(rng.usize(..waiting.len()))),
                _ => tokio::time::advance(Duration::from_millis(rng.u64(0..15))).await,
            }
            waiting.retain_mut(|(number, call, polled)| {
                if *polled && !call.is_woken() {
                    return true;
                }
                *polled = true;
                let answer = call.poll();
                if let std::task::Poll::Ready(Ok(_)) = answer {
                    starts.push((*number, began.elapsed()));
                }
                answer.is_pending()
            });
        }
        assert!(starts.len() > 20, "seed {seed}: only {} started", starts.len());
        assert!(starts.is_sorted_by_key(|(number, _)| *number), "seed {seed}: {starts:?}");
        for (first, (_, from)) in starts.iter().enumerate() {
            for (count, (_, until)) in (1..).zip(&starts[first..]) {
                let most = f64::from(burst) + until.abs_diff(*from).as_secs_f64() * 100.0;
                assert!(f64::from(count) <= most + 1e-6, "seed {seed}: {count} from {from:?} to {until:?}");
            }
        }
        waiting.clear();
        tokio::time::advance(SECOND).await;
        assert_eq!((bench.limiter.waiting(), bench.limiter.balance()), (0, burst), "seed {seed}");
    }
}

/// A waker whose drop looks at the limiter, as that of a task which holds a service may: under the lock it would hang.
struct Looks(RateLimiterHandle);

impl std::task::Wake for Looks {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Looks {
    fn drop(&mut self) {
        let _ = self.0.waiting();
    }
}

#[test]
fn wakers_are_dropped_outside_of_the_lock() {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.unwrap();
        let _guard = runtime.enter();
        let limiter = RateLimiterHandle::new(seawall_tower::Identity::default(), &config(1)).unwrap();
        limiter.try_acquire(permits(1)).unwrap();
        let waker = || std::task::Waker::from(Arc::new(Looks(limiter.clone())));
        {
            let mut acquire = Box::pin(limiter.acquire(permits(1)));
            // As the timer fires, it lets go of the waker: the line has the last. It is replaced by the second, and that
            // leaves with the future.
            for waker in [waker(), waker()] {
                let poll = acquire.as_mut().poll(&mut std::task::Context::from_waker(&waker));
                assert!(poll.is_pending());
                limiter.pause(100 * MS);
                drop(waker);
                runtime.block_on(tokio::time::advance(50 * MS));
            }
            runtime.block_on(tokio::time::advance(100 * MS));
        }
        limiter.try_acquire(permits(1)).unwrap();
        let mut acquire = Box::pin(limiter.acquire(permits(1)));
        assert!(acquire.as_mut().poll(&mut std::task::Context::from_waker(&waker())).is_pending());
        // Served when it comes by itself: nobody need wake it.
        runtime.block_on(tokio::time::advance(10 * MS));
        assert!(acquire.as_mut().poll(&mut std::task::Context::from_waker(&waker())).is_ready());
        done.send(()).unwrap();
    });
    ended.recv_timeout(Duration::from_secs(30)).expect("a waker was dropped under the lock");
}
