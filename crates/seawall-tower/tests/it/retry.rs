use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seawall_core::{CallContext, Error, Event, FailureKind, Idempotency, Jitter, Outcome};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::{ByClone, Retry, RetryConfig, RetryLayer, RetryPolicy};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::recorder::Recorder;

type Inner = HostileService<&'static str, &'static str, Error>;

fn three_attempts() -> RetryConfig {
    RetryConfig { max_attempts: const { NonZeroU32::new(3).unwrap() }, ..RetryConfig::default() }
}

fn exact() -> RetryConfig {
    RetryConfig { jitter: Jitter::None, ..three_attempts() }
}

fn policy(config: &RetryConfig) -> RetryPolicy {
    RetryPolicy::new(config).unwrap().unspecified_is(Idempotency::Idempotent)
}

fn retrying(policy: RetryPolicy) -> (Retry<Inner>, Hostile<&'static str, Error>) {
    let (inner, control) = HostileService::echo();
    (RetryLayer::new(policy).layer(inner), control)
}

fn overloaded(wait: u64) -> FailureKind {
    FailureKind::Overloaded { retry_after: Some(Duration::from_secs(wait)) }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_made_three_times_after_growing_waits_and_then_given_up() {
    let recorder = Arc::new(Recorder::default());
    let (service, control) = retrying(policy(&exact()).identity(recorder.identity()));
    control.answers((0..5).map(|_| Answer::failure(FailureKind::Transient)));
    let began = Instant::now();
    let error = service.oneshot("hello").await.unwrap_err();
    assert_eq!(control.counts().calls, 3);
    assert_eq!((error.attempts(), error.elapsed()), (3, began.elapsed()));
    assert!((150..=152).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());

    let kind = FailureKind::Transient;
    let events = recorder.of("retry");
    let [
        Event::Attempted { attempt: 1, outcome, .. },
        Event::Retried { attempt: 1, kind: of, delay, .. },
        ..,
    ] = events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((outcome, of), (Outcome::failure(kind), kind));
    assert_eq!(delay, Duration::from_millis(50));
    assert_eq!(events.len(), 5, "three attempts and two retries: {events:?}");
}

#[tokio::test(start_paused = true)]
async fn retries_go_to_the_service_that_was_there_when_the_call_was_made() {
    let made = Arc::new(Mutex::new(Vec::new()));
    let failing = |name: &'static str| {
        let made = Arc::clone(&made);
        service_fn(move |_: &'static str| {
            made.lock().unwrap().push(name);
            std::future::ready(Err::<(), _>(Error::new(FailureKind::Transient, "test", name)))
        })
    };
    let mut service = RetryLayer::new(policy(&exact()).without_budget()).layer(failing("old"));
    let copy = service.clone();
    let call = service.ready().await.unwrap().call("hello");
    *service.get_mut() = failing("new");
    call.await.unwrap_err();
    service.oneshot("hello").await.unwrap_err();
    copy.oneshot("hello").await.unwrap_err();
    assert_eq!(*made.lock().unwrap(), ["old", "old", "old", "new", "new", "new", "old", "old", "old"]);
}

#[tokio::test(start_paused = true)]
async fn only_failures_that_may_pass_are_retried() {
    for (kind, calls) in [
        (FailureKind::Transient, 3),
        (FailureKind::Timeout, 3),
        (FailureKind::Overloaded { retry_after: None }, 3),
        (FailureKind::Permanent, 1),
        (FailureKind::Cancelled, 1),
        (FailureKind::Refused, 1),
    ] {
        let (service, control) = retrying(policy(&exact()));
        control.answers((0..3).map(|_| Answer::failure(kind)));
        assert_eq!(service.oneshot("hello").await.unwrap_err().kind(), kind);
        assert_eq!(control.counts().calls, calls, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_have_been_executed_is_repeated_only_if_it_is_idempotent() {
    use Idempotency::{Idempotent, NotIdempotent, Unspecified};
    for (caller, unspecified, calls) in [
        (Unspecified, NotIdempotent, 1),
        (Unspecified, Idempotent, 3),
        (Idempotent, NotIdempotent, 3),
        (NotIdempotent, Idempotent, 1),
    ] {
        let (service, control) = retrying(RetryPolicy::new(&exact()).unwrap().unspecified_is(unspecified));
        control.answers((0..3).map(|_| Answer::failure(FailureKind::Transient)));
        let context = CallContext::default().idempotency(caller);
        context.scope(service.oneshot("hello")).await.unwrap_err();
        assert_eq!(control.counts().calls, calls, "{caller:?}, {unspecified:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_began_is_repeated_though_it_is_not_idempotent() {
    let (service, control) = retrying(RetryPolicy::new(&exact()).unwrap());
    let refused = || Error::new(FailureKind::Transient, "hostile", "connection refused").not_executed();
    control.answers([Answer::Err(refused()), Answer::Err(refused())]);
    let context = CallContext::default().idempotency(Idempotency::NotIdempotent);
    assert_eq!(context.scope(service.oneshot("hello")).await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_says_how_long_to_wait_is_obeyed_up_to_the_limit() {
    for (asked, waited) in [(7, 7), (3_600, 30)] {
        let (service, control) = retrying(policy(&three_attempts()));
        control.answers([Answer::failure(overloaded(asked))]);
        let began = Instant::now();
        service.oneshot("hello").await.unwrap();
        assert_eq!(began.elapsed().as_secs(), waited);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_passes_the_deadline_is_not_begun() {
    let (service, control) = retrying(policy(&exact()));
    control.answers([Answer::failure(overloaded(7))]);
    let now = Instant::now();
    let context = CallContext::default().within(Duration::from_secs(7), now.into_std());
    let error = context.scope(service.oneshot("hello")).await.unwrap_err();
    assert_eq!(error.kind(), overloaded(7));
    assert_eq!(now.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_knows_its_number() {
    let inner = service_fn(|()| async {
        match CallContext::current().attempt_number() {
            3 => Ok("third"),
            _ => Err(Error::new(FailureKind::Transient, "inner", "inner")),
        }
    });
    assert_eq!(RetryLayer::new(policy(&exact())).layer(inner).oneshot(()).await.unwrap(), "third");
}

#[tokio::test(start_paused = true)]
async fn readiness_is_asked_for_before_each_attempt_and_its_error_ends_the_call() {
    let (service, control) = retrying(policy(&exact()));
    control.answers([Answer::failure(FailureKind::Transient)]);
    let gone = Error::new(FailureKind::Permanent, "hostile", "gone");
    control.readiness([Readiness::Pending(1), Readiness::Pending(3), Readiness::Err(gone)]);
    // Ready after one poll; after the failure pending three times, and then ready again.
    assert_eq!(service.clone().oneshot("hello").await.unwrap(), "hello");

    let error = service.oneshot("hello").await.unwrap_err();
    assert_eq!(error.name(), "gone");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_to_be_repeated_is_let_go_before_the_wait() {
    // The inner service is ready again only when what the response holds is free.
    let connection = Arc::new(tokio::sync::Semaphore::new(1));
    let lend = service_fn(move |()| {
        let connection = Arc::clone(&connection);
        async move { Ok::<_, Error>((connection.acquire_owned().await, CallContext::current_attempt())) }
    });
    let first_is_bad = ByClone::new(|result: Result<&(_, Option<NonZeroU32>), &Error>| match result {
        Ok((_, Some(attempt))) if attempt.get() == 1 => Outcome::failure(FailureKind::Transient),
        _ => Outcome::Success,
    });
    let service = RetryLayer::new(policy(&exact()).classifier(first_is_bad)).layer(lend);
    let context = CallContext::default().within(Duration::from_secs(1), Instant::now().into_std());
    let call = tokio::time::timeout(Duration::from_secs(9), context.scope(service.oneshot(())));
    let (_connection, attempt) = call.await.expect("it hangs").unwrap();
    assert_eq!(attempt, NonZeroU32::new(2));
}

#[tokio::test(start_paused = true)]
async fn any_backon_sequence_will_do_and_its_end_is_the_end() {
    let waits = [1, 2, 4].map(Duration::from_secs);
    let config = RetryConfig { max_attempts: NonZeroU32::new(10).unwrap(), ..RetryConfig::default() };
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let service = RetryLayer::new(policy(&config).without_budget().backoff(Waits(waits))).layer(inner);
    control.answers((0..10).map(|_| Answer::failure(FailureKind::Transient)));
    let began = Instant::now();
    service.oneshot("hello").await.unwrap_err();
    assert_eq!((control.counts().calls, began.elapsed().as_secs()), (4, 7));
}

#[derive(Clone)]
struct Waits([Duration; 3]);

impl backon::BackoffBuilder for Waits {
    type Backoff = std::array::IntoIter<Duration, 3>;

    fn build(self) -> Self::Backoff {
        self.0.into_iter()
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_waits_the_same() {
    let mut waited = vec![];
    for seed in [1, 1, 2] {
        let (service, control) = retrying(policy(&three_attempts()).seed(seed));
        control.answers((0..3).map(|_| Answer::failure(FailureKind::Transient)));
        let began = Instant::now();
        service.oneshot("hello").await.unwrap_err();
        waited.push(began.elapsed());
    }
    assert_eq!(waited[0], waited[1]);
    assert_ne!(waited[0], waited[2]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_copied_is_sent_once() {
    #[derive(Clone)]
    struct Streams;
    impl seawall_core::Classify<(), Error> for Streams {
        fn classify(&self, result: Result<&(), &Error>) -> Outcome {
            seawall_core::ByKind.classify(result)
        }
    }
    impl seawall_tower::Replay<String> for Streams {
        fn replay(&self, _: &String) -> Option<String> {
            None
        }
        fn idempotency(&self, _: &String) -> Idempotency {
            Idempotency::Idempotent
        }
    }
    let inner =
        service_fn(|_: String| async { Err::<(), _>(Error::new(FailureKind::Transient, "inner", "inner")) });
    let service = RetryLayer::new(policy(&exact()).classifier(Streams)).layer(inner);
    assert_eq!(service.oneshot(String::new()).await.unwrap_err().attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_asks_for_no_wait_is_not_hit_at_once() {
    let (service, control) = retrying(policy(&exact()));
    control.answers([Answer::failure(overloaded(0)), Answer::failure(overloaded(0))]);
    let began = Instant::now();
    service.oneshot("hello").await.unwrap();
    assert!((150..=152).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

/// The last attempt was refused before it was sent; the one before it may have done the work.
#[tokio::test(start_paused = true)]
async fn an_error_does_not_deny_what_an_attempt_before_may_have_done() {
    for (first, expected) in [(true, true), (false, false)] {
        let made = std::sync::atomic::AtomicU32::new(0);
        let service = service_fn(|(): ()| {
            let failure = Error::new(FailureKind::Transient, "test", "backend");
            let is_first = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            let failure = if is_first && first { failure } else { failure.not_executed() };
            std::future::ready(Err::<(), _>(failure))
        });
        let layer = RetryLayer::new(policy(&three_attempts()));
        let error = layer.layer(service).oneshot(()).await.unwrap_err();
        assert_eq!((error.attempts(), error.may_have_executed()), (3, expected));
    }
}
