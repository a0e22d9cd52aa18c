use std::borrow::Cow;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use seawall_core::{CallContext, Error, Event, FailureKind, Observer, Origin, RateLimitConfig};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::rate_limit::by_request::{ByKey, RequestRateLimitLayer};
use seawall_tower::{Identity, KeyedRateLimiterHandle, RateLimitLayer, RateLimiterHandle};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt};

use crate::rate_limit::{config, permits};
use crate::recorder::Recorder;

const MS: Duration = Duration::from_millis(1);

type Weighed = BoxCloneSyncService<u32, u32, Error>;

/// A service whose requests are what they weigh.
fn weighing(config: &RateLimitConfig) -> (Weighed, Hostile<u32, Error>, RateLimiterHandle, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let limiter = RateLimiterHandle::new(recorder.identity(), config).unwrap();
    let (inner, control) = HostileService::echo();
    let layer = RateLimitLayer::new(limiter.clone()).cost(|weight: &u32| permits(*weight));
    (BoxCloneSyncService::new(layer.layer(inner)), control, limiter, recorder)
}

#[tokio::test(start_paused = true)]
async fn a_request_takes_as_many_permits_as_it_weighs() {
    let (service, _control, limiter, recorder) = weighing(&config(10));
    let began = Instant::now();
    service.clone().oneshot(7).await.unwrap();
    assert_eq!(limiter.balance(), 3);
    service.oneshot(5).await.unwrap();
    assert_eq!(began.elapsed(), 20 * MS);
    assert_eq!(recorder.of("rate_limit"), [Event::Dequeued { waited: 20 * MS }]);
}

#[tokio::test(start_paused = true)]
async fn a_heavy_request_is_not_overtaken_by_light_ones() {
    let (service, _control, limiter, _) = weighing(&config(10));
    limiter.try_acquire(permits(8)).unwrap();
    let mut heavy = task::spawn(service.clone().oneshot(5));
    assert_pending!(heavy.poll());
    let mut light = task::spawn(service.clone().oneshot(1));
    assert_pending!(light.poll(), "there are two permits, and they are saved up for the other");
    let began = Instant::now();
    light.await.unwrap();
    assert_eq!(began.elapsed(), 40 * MS);
    assert_ready_ok!(heavy.poll());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_can_never_pass_is_told_so() {
    let (service, _control, limiter, _) = weighing(&config(10));
    let error = service.oneshot(11).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (FailureKind::Refused, None));
    assert!(error.to_string().contains("the call weighs more than the burst"), "{error}");
    assert_eq!(limiter.balance(), 10);
}

#[tokio::test(start_paused = true)]
async fn the_inner_service_is_not_asked_before_the_permits_are_there() {
    let (service, control, limiter, _) = weighing(&config(10));
    limiter.try_acquire(permits(10)).unwrap();
    let mut call = task::spawn(service.oneshot(1));
    assert_pending!(call.poll());
    let counts = control.counts();
    assert_eq!((counts.polls, counts.holding), (0, 0));
    call.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_before_the_inner_service_is_called_gives_its_permits_back() {
    let (service, control, limiter, _) = weighing(&config(10));
    control.readiness([Readiness::Blocked]);
    let mut call = task::spawn(service.clone().oneshot(6));
    assert_pending!(call.poll());
    assert_eq!(limiter.balance(), 4);
    drop(call);
    assert_eq!(limiter.balance(), 10);

    control.unblock();
    limiter.try_acquire(permits(10)).unwrap();
    let mut call = task::spawn(service.clone().oneshot(6));
    assert_pending!(call.poll());
    drop(call);
    assert_eq!(limiter.waiting(), 0);

    control.readiness([Readiness::Err(Error::new(FailureKind::Permanent, "hostile", "gone"))]);
    assert_eq!(service.oneshot(6).await.unwrap_err().name(), "gone");
    assert_eq!(limiter.balance(), 6, "what came in while it waited for its turn, and all it was given");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_in_its_future_is_cut_to_its_deadline() {
    let (service, _control, limiter, _) = weighing(&config(10));
    limiter.try_acquire(permits(10)).unwrap();
    let context = CallContext::default().within(20 * MS, Instant::now().into_std());
    let mut call = task::spawn(context.scope(service.oneshot(3)));
    let error = assert_ready_err!(call.poll());
    assert_eq!(error.retry_after(), Some(30 * MS));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_retry_after_pauses_the_limiter_that_was_charged() {
    let (service, control, _, recorder) = weighing(&config(10));
    let wait = Duration::from_secs(2);
    control.answers([Answer::failure(FailureKind::Overloaded { retry_after: Some(wait) })]);
    service.clone().oneshot(1).await.unwrap_err();
    assert_eq!(recorder.of("rate_limit"), [Event::Paused { wait }]);
    assert_eq!(service.oneshot(1).await.unwrap_err().retry_after(), Some(wait));
}

fn keyed(max_keys: usize) -> (KeyedRateLimiterHandle, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let config = RateLimitConfig { max_wait: None, ..config(2) };
    let max_keys = NonZeroUsize::new(max_keys).unwrap();
    (KeyedRateLimiterHandle::new(recorder.identity(), &config, max_keys).unwrap(), recorder)
}

#[tokio::test(start_paused = true)]
async fn every_key_has_a_limit_of_its_own() {
    let (limiters, _) = keyed(10);
    let layer =
        RequestRateLimitLayer::new(ByKey::new(limiters, |tenant: &&'static str| Cow::Borrowed(*tenant)));
    let call = |tenant| layer.layer(HostileService::<&str, &str, Error>::echo().0).oneshot(tenant);
    for _ in 0..2 {
        call("one").await.unwrap();
        call("other").await.unwrap();
    }
    let error = call("one").await.unwrap_err();
    assert_eq!(error.name(), "target", "the key may be a secret");
    call("third").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closure_charges_by_key_and_weight() {
    let (limiters, _) = keyed(10);
    let charged = limiters.clone();
    let charge = move |request: &(&'static str, u32)| (charged.limiter(request.0), permits(request.1));
    let layer = RequestRateLimitLayer::new(charge);
    let call = |request| layer.layer(HostileService::<_, _, Error>::echo().0).oneshot(request);
    call(("one", 2)).await.unwrap();
    assert!(call(("one", 1)).await.is_err());
    assert_eq!(limiters.limiter("other").balance(), 2);
}

#[tokio::test(start_paused = true)]
async fn idle_keys_make_room_and_others_are_not_forgotten() {
    let (limiters, _) = keyed(3);
    limiters.limiter("busy").try_acquire(permits(2)).unwrap();
    for key in ["a", "b", "c", "d"] {
        limiters.limiter(key);
        assert!(limiters.keys() <= 3);
    }
    assert_eq!(limiters.limiter("busy").balance(), 0);
    tokio::time::advance(20 * MS).await;
    assert_eq!(limiters.limiter("busy").balance(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_there_is_no_room_for_share_one_limiter() {
    let (limiters, _) = keyed(2);
    for key in ["a", "b"] {
        limiters.limiter(key).try_acquire(NonZeroU32::MIN).unwrap();
    }
    let passed = (0..100)
        .filter(|number| limiters.limiter(&format!("new {number}")).try_acquire(NonZeroU32::MIN).is_ok())
        .count();
    assert_eq!((passed, limiters.keys()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn another_limit_is_in_force_for_every_key_and_told_once() {
    let (limiters, recorder) = keyed(10);
    limiters.limiter("one").try_acquire(permits(2)).unwrap();
    limiters.reconfigure(&RateLimitConfig { max_wait: None, ..config(5) }).unwrap();
    assert_eq!(limiters.limiter("one").balance(), 3, "what is owed stays owed");
    assert_eq!(limiters.limiter("new").balance(), 5);
    assert_eq!(recorder.of("rate_limit"), [Event::Reconfigured]);

    let broken = RateLimitConfig { period: Duration::ZERO, ..config(1) };
    assert!(limiters.reconfigure(&broken).is_err());
    assert_eq!(limiters.limiter("another").balance(), 5);
    let nobody = KeyedRateLimiterHandle::new(Identity::default(), &broken, NonZeroUsize::MIN);
    assert!(nobody.is_err());
}

/// As one that counts the keys when the limit changes, or makes a call of its own.
#[tokio::test(start_paused = true)]
async fn an_observer_that_is_told_of_another_limit_may_use_the_limiters() {
    #[derive(Default)]
    struct Looking(OnceLock<KeyedRateLimiterHandle>, Mutex<Vec<Event>>);
    impl Observer for Looking {
        fn observe(&self, _: Origin<'_>, event: &Event) {
            let limiters = self.0.get().unwrap();
            assert_eq!(limiters.limiter("observer").balance(), 3, "the limit told of is in force");
            self.1.lock().unwrap().push(*event);
        }
    }
    let observer = Arc::new(Looking::default());
    let identity = Identity::default().observer(Arc::clone(&observer) as Arc<dyn Observer>);
    let limiters = KeyedRateLimiterHandle::new(identity, &config(2), NonZeroUsize::MIN).unwrap();
    observer.0.set(limiters.clone()).unwrap();
    let faster = RateLimitConfig { limit: permits(1_000), ..config(3) };
    limiters.reconfigure(&faster).unwrap();
    limiters.reconfigure(&RateLimitConfig { period: Duration::ZERO, ..config(3) }).unwrap_err();
    let told = [Event::LimitChanged { limit: 1000.0 }, Event::Reconfigured, Event::ReconfigurationRefused];
    assert_eq!(*observer.1.lock().unwrap(), told);
}
