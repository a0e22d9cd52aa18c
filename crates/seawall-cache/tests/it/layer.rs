use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seawall_cache::{Cache, CacheLayer, Cached, Codec, Postcard, Ttl};
use seawall_core::{BoxError, CallContext, Error, Event, FailureKind, Observer, Origin, Priority};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use tokio::time::{Instant, sleep};
use tokio_test::{assert_ready, task};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::second_tier::Store;
use crate::{MINUTE, exact};

const SECOND: Duration = Duration::from_secs(1);

type Inner = HostileService<u32, u32, Error>;
type Key = fn(&u32) -> Option<String>;

/// Numbers are kept for a minute and served for two more; 0 has no key.
fn layer(cache: &Cache) -> CacheLayer<Key> {
    let key: Key = |number| (*number > 0).then(|| format!("secret:{number}"));
    CacheLayer::new(cache.clone(), Ttl::fresh(MINUTE).stale(2 * MINUTE), key).name("numbers")
}

fn cached() -> (Cached<Inner, Key>, Hostile<u32, Error>, Cache) {
    let cache = exact();
    let (inner, control) = HostileService::echo();
    (layer(&cache).layer(inner), control, cache)
}

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Observer for Recorder {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        assert_eq!((origin.pipeline, origin.strategy, origin.target), ("test", "cache", "numbers"));
        self.0.lock().unwrap().push(*event);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hit_needs_neither_the_service_nor_its_readiness() {
    let (service, control, _cache) = cached();
    assert_eq!(service.clone().oneshot(7).await.unwrap(), 7);
    let counts = control.counts();
    assert_eq!((counts.calls, counts.polls), (1, 1));

    control.readiness([Readiness::Blocked]);
    let mut hit = task::spawn(service.oneshot(7));
    assert_eq!(assert_ready!(hit.poll()).unwrap(), 7);
    assert_eq!((control.counts().calls, control.counts().polls), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_miss_calls_the_service_when_it_is_ready() {
    let (mut service, control, _cache) = cached();
    for number in 1..=3 {
        control.readiness([Readiness::Pending(2)]);
        assert_eq!(service.ready().await.unwrap().call(number).await.unwrap(), number);
    }
    let counts = control.counts();
    assert_eq!((counts.calls, counts.holding), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn many_misses_are_one_call_whoever_gives_up() {
    let (service, control, cache) = cached();
    control.answers([Answer::Ok(42).after(5 * SECOND)]);
    let now = Instant::now().into_std();
    let callers: Vec<_> = (1..=9)
        .map(|seconds| {
            let context = CallContext::default().within(seconds * SECOND, now);
            tokio::spawn(context.scope(service.clone().oneshot(7)))
        })
        .collect();
    for (seconds, caller) in (1..=9).zip(callers) {
        match caller.await.unwrap() {
            Ok(answer) => assert!(answer == 42 && seconds > 5, "after {seconds}s"),
            Err(error) => {
                assert!(error.kind() == FailureKind::Timeout && seconds <= 5, "after {seconds}s: {error}");
            }
        }
    }
    assert_eq!((control.counts().calls, cache.stats().loads), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_dropped_at_any_point_leaves_the_call_to_fill_the_cache() {
    for polls in 1..8 {
        let (service, control, cache) = cached();
        control.readiness([Readiness::Pending(3)]);
        control.answers([Answer::Ok(42).after(SECOND)]);
        let mut call = task::spawn(service.clone().oneshot(7));
        for _ in 0..polls {
            assert!(call.poll().is_pending());
            tokio::time::advance(Duration::from_millis(5)).await;
        }
        drop(call);
        sleep(2 * SECOND).await;
        assert_eq!(cache.get::<u32>("secret:7").await.unwrap(), Some(42), "after {polls} polls");
        let counts = control.counts();
        assert_eq!((counts.calls, counts.completed, counts.holding), (1, 1, 0), "after {polls} polls");
        drop(service);
        assert_eq!(control.counts().instances, 0, "after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_key_passes_through_and_ends_with_its_caller() {
    let (service, control, cache) = cached();
    for _ in 0..2 {
        assert_eq!(service.clone().oneshot(0).await.unwrap(), 0);
    }
    assert_eq!((control.counts().calls, cache.stats().misses), (2, 0));

    control.answers([Answer::Hang]);
    let mut call = task::spawn(service.oneshot(0));
    assert!(call.poll().is_pending());
    drop(call);
    assert_eq!(control.counts().dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn failures_reach_all_who_wait_as_they_are_and_are_not_kept() {
    let (service, control, _cache) = cached();
    let kind = FailureKind::Overloaded { retry_after: Some(SECOND) };
    let cause = std::io::Error::other("connection reset by peer");
    let error = Error::new(kind, "hostile", "db-1").with_source(cause).not_executed();
    control.answers([Answer::Err(error.clone()).after(SECOND)]);
    let callers = [(); 3].map(|()| tokio::spawn(service.clone().oneshot(7)));
    for caller in callers {
        let told = caller.await.unwrap().unwrap_err();
        assert_eq!(format!("{told:?}"), format!("{error:?}"));
        assert!(told.source().unwrap().is::<std::io::Error>());
    }
    assert_eq!(control.counts().calls, 1);
    assert_eq!(service.oneshot(7).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_error_becomes_the_cause() {
    let inner = service_fn(|_: u32| async { Err::<u32, BoxError>("no such table".into()) });
    let error = layer(&exact()).layer(inner).oneshot(7).await.unwrap_err();
    let error = error.downcast::<Error>().unwrap();
    assert_eq!(error.to_string(), "cache `numbers`: permanent failure: no such table");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_reaches_the_caller() {
    let (service, control, _cache) = cached();
    control.readiness([Readiness::Err(Error::new(FailureKind::Permanent, "hostile", "gone"))]);
    assert_eq!(service.clone().oneshot(7).await.unwrap_err().name(), "gone");
    assert_eq!(service.oneshot(7).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_is_served_while_it_is_renewed_and_while_that_fails() {
    let recorder = Arc::new(Recorder::default());
    let cache = exact();
    let (inner, control) = HostileService::<u32, u32, Error>::echo();
    let service = layer(&cache).pipeline("test").observer(Arc::<Recorder>::clone(&recorder)).layer(inner);
    service.clone().oneshot(7).await.unwrap();
    service.clone().oneshot(7).await.unwrap();

    // Fresh for a minute, and then stale for two.
    sleep(MINUTE + SECOND).await;
    control.answers([Answer::failure(FailureKind::Transient), Answer::Ok(8)]);
    assert_eq!(service.clone().oneshot(7).await.unwrap(), 7, "stale while it is renewed");
    sleep(SECOND).await;
    assert_eq!(service.clone().oneshot(7).await.unwrap(), 7, "stale because that failed");
    sleep(SECOND).await;
    assert_eq!(service.clone().oneshot(7).await.unwrap(), 8, "renewed");
    assert_eq!(control.counts().calls, 3);

    sleep(4 * MINUTE).await;
    control.answers([Answer::failure(FailureKind::Transient)]);
    assert_eq!(service.oneshot(7).await.unwrap_err().kind(), FailureKind::Transient, "over");
    let (fresh, stale) = (Event::Hit { stale: false }, Event::Hit { stale: true });
    assert_eq!(*recorder.0.lock().unwrap(), [Event::Missed, fresh, stale, stale, fresh, Event::Missed]);
}

#[tokio::test(start_paused = true)]
async fn a_response_says_itself_how_long_it_is_kept() {
    let cache = exact();
    let (inner, control) = HostileService::<u32, u32, Error>::echo();
    let odd = |number: &u32| (number % 2 == 1).then(|| Ttl::fresh(*number * SECOND));
    let service = layer(&cache).keep_for(odd).layer(inner);
    for number in [2, 2, 5, 5, 3, 3] {
        assert_eq!(service.clone().oneshot(number).await.unwrap(), number);
    }
    assert_eq!(control.counts().calls, 4, "even numbers are not kept");
    sleep(4 * SECOND).await;
    for number in [5, 3] {
        service.clone().oneshot(number).await.unwrap();
    }
    assert_eq!(control.counts().calls, 5, "three is over");
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_from_the_cache_is_asked_for_again() {
    let (service, control, cache) = cached();
    service.clone().oneshot(7).await.unwrap();
    assert!(cache.remove("secret:7").await.unwrap());
    service.oneshot(7).await.unwrap();
    assert_eq!(control.counts().calls, 2);
}

#[tokio::test(start_paused = true)]
async fn no_error_shows_a_key() {
    let (service, control, _cache) = cached();
    control.answers([Answer::Panic, Answer::Hang, Answer::Hang]);
    let panicked = service.clone().oneshot(7).await.unwrap_err();
    assert_eq!(panicked.kind(), FailureKind::Permanent);
    let too_slow = service.clone().oneshot(7).await.unwrap_err();
    let context = CallContext::default().within(SECOND, Instant::now().into_std());
    let gave_up = context.scope(service.oneshot(7)).await.unwrap_err();
    for error in [panicked, too_slow, gave_up] {
        assert_eq!((error.layer(), error.name()), ("cache", "numbers"));
        assert!(!format!("{error:?} {error}").contains("secret"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_call_has_the_first_callers_priority_and_the_time_of_a_load() {
    let inner = service_fn(|_: u32| async {
        let context = CallContext::current();
        let left = context.remaining(Instant::now().into_std()).unwrap();
        Ok::<_, Error>((context.priority_class(), left.as_secs()))
    });
    let caller = CallContext::default().priority(Priority::Critical);
    let caller = caller.within(SECOND, Instant::now().into_std());
    let seen = caller.scope(layer(&exact()).layer(inner).oneshot(7)).await.unwrap();
    assert_eq!(seen, (Priority::Critical, 30));
}

#[tokio::test(start_paused = true)]
async fn it_works_over_and_under_towers_own_layers() {
    type Boxed = BoxCloneSyncService<u32, u32, Error>;
    fn from_box(error: BoxError) -> Error {
        Error::from_boxed(error, "tower", "stock layer")
    }
    let stock: [fn(Boxed) -> Boxed; 3] = [
        |inner| BoxCloneSyncService::new(ServiceBuilder::new().concurrency_limit(1).service(inner)),
        |inner| BoxCloneSyncService::new(ServiceBuilder::new().map_err(from_box).buffer(4).service(inner)),
        |inner| BoxCloneSyncService::new(ServiceBuilder::new().map_err(from_box).load_shed().service(inner)),
    ];
    let ours = |inner: Boxed| BoxCloneSyncService::new(layer(&exact()).layer(inner));
    for towers in stock {
        for cache_outside in [true, false] {
            let (inner, control) = HostileService::<u32, u32, Error>::new(|n| Answer::Ok(n).after(SECOND));
            let inner = Boxed::new(inner);
            let service = if cache_outside { ours(towers(inner)) } else { towers(ours(inner)) };
            for number in [1, 2, 1, 2, 0] {
                let mut service = service.clone();
                assert_eq!(service.ready().await.unwrap().call(number).await.unwrap(), number);
            }
            assert_eq!(control.counts().calls, 3);
        }
    }
}

#[test]
fn everything_crosses_threads_and_is_cloned() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    shared::<CacheLayer<Key>>();
    shared::<Cached<Inner, Key>>();
    sent::<seawall_cache::cached::future::ResponseFuture<u32, Error>>();
}

/// No serde type.
#[derive(Clone, Debug, PartialEq)]
struct Answered(u32);

#[tokio::test(start_paused = true)]
async fn a_cache_of_one_type_keeps_responses_as_they_are_by_keys_of_any_type() {
    let cache: Cache<u32, Answered> = Cache::builder("answers").build().unwrap();
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    let inner = service_fn(move |number: u32| {
        *counted.lock().unwrap() += 1;
        async move { Ok::<_, Error>(Answered(number)) }
    });
    let service = CacheLayer::new(cache.clone(), MINUTE, |number: &u32| Some(*number)).layer(inner);
    for _ in 0..3 {
        assert_eq!(service.clone().oneshot(7).await.unwrap(), Answered(7));
    }
    assert_eq!(*calls.lock().unwrap(), 1);
    assert_eq!(cache.get(&7), Some(Answered(7)), "as everybody who has the cache sees it");

    cache.remove(&7).await.unwrap();
    service.oneshot(7).await.unwrap();
    assert_eq!(*calls.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn responses_go_into_the_second_tier_by_the_codec_that_came_with_it() {
    let store = Store::new();
    let process = |answer: u32| {
        let tier = Arc::<Store>::clone(&store);
        let cache = Cache::<u32, u32>::builder("answers").second_tier(tier, Postcard).build().unwrap();
        let inner = service_fn(move |_: u32| async move { Ok::<_, Error>(answer) });
        CacheLayer::new(cache, MINUTE, |number: &u32| Some(*number)).layer(inner)
    };
    assert_eq!(process(1000).oneshot(7).await.unwrap(), 1000);
    sleep(SECOND).await;
    let [(key, bytes)] = store.held("answers:k:").try_into().unwrap();
    assert_eq!(key, "answers:k:7");
    let mut written = Vec::new();
    Codec::<u32>::encode(&Postcard, &1000, &mut written).unwrap();
    assert_eq!(bytes[1], Codec::<u32>::id(&Postcard));
    assert!(bytes.ends_with(&written) && !bytes.ends_with(b"1000"), "{bytes:?}");
    assert_eq!(process(2000).oneshot(7).await.unwrap(), 1000, "another process finds it there");
}
