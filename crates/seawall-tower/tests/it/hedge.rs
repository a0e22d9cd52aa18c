use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seawall_core::{
    ByKind, CallContext, CircuitBreakerConfig, CircuitState, Classify, Error, Event, FailureKind,
    HedgeConfig, Idempotency, Outcome, RetryBudget, RetryBudgetConfig, SharedRetryBudget,
};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::{
    Balance, BalanceConfig, BalanceHandle, CircuitBreakerHandle, CircuitBreakerLayer, Hedge, HedgeHandle,
    HedgeLayer, Identity, Replay,
};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::recorder::Recorder;

type Inner = HostileService<&'static str, &'static str, Error>;
type Said = Answer<&'static str, Error>;

const DELAY: Duration = Duration::from_millis(20);

/// Hedges after 20 ms, whatever the response times are.
fn fixed() -> HedgeConfig {
    HedgeConfig { fixed_delay: Some(DELAY), ..HedgeConfig::default() }
}

fn handle(config: &HedgeConfig) -> HedgeHandle {
    HedgeHandle::new(Identity::default(), config).unwrap()
}

fn layer(handle: HedgeHandle) -> HedgeLayer {
    HedgeLayer::new(handle).unspecified_is(Idempotency::Idempotent)
}

fn hedging(config: &HedgeConfig) -> (Hedge<Inner>, Hostile<&'static str, Error>) {
    let (inner, control) = HostileService::echo();
    (layer(handle(config)).layer(inner), control)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn fails(kind: FailureKind, after: u64) -> Said {
    Answer::failure(kind).after(millis(after))
}

fn named(name: &'static str, kind: FailureKind, after: u64) -> Said {
    Answer::Err(Error::new(kind, "hostile", name)).after(millis(after))
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_sent_again_and_the_loser_is_cancelled() {
    let (service, control) = hedging(&fixed());
    control.answers([Answer::Hang, Answer::Ok("second").after(millis(10))]);
    let began = Instant::now();
    assert_eq!(service.oneshot("hello").await.unwrap(), "second");
    assert!((30..=32).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let counts = control.counts();
    assert_eq!((counts.calls, counts.dropped, counts.in_flight), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_losers_are_gone_with_the_answer_though_the_future_is_kept() {
    let (mut service, control) = hedging(&fixed());
    control.answers([Answer::Hang, Answer::Ok("second")]);
    let mut call = task::spawn(service.ready().await.unwrap().call("hello"));
    assert_pending!(call.poll());
    tokio::time::advance(millis(21)).await;
    assert_eq!(assert_ready!(call.poll()).unwrap(), "second");
    assert_eq!((control.counts().in_flight, control.counts().dropped), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_may_still_win() {
    let (service, control) = hedging(&fixed());
    control.answers([Answer::Ok("first").after(millis(30)), Answer::Hang]);
    assert_eq!(service.oneshot("hello").await.unwrap(), "first");
    assert_eq!((control.counts().calls, control.counts().dropped), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_does_not_win_while_another_attempt_is_under_way() {
    for kind in [FailureKind::Transient, FailureKind::Timeout, FailureKind::Refused, FailureKind::Cancelled] {
        // The first attempt fails first, and then the hedge does.
        for answers in [
            [fails(kind, 30), Answer::Ok("good").after(millis(50))],
            [Answer::Ok("good").after(millis(50)), fails(kind, 10)],
        ] {
            let (service, control) = hedging(&fixed());
            control.answers(answers);
            assert_eq!(service.oneshot("hello").await.unwrap(), "good", "{kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_the_answer_at_once() {
    for answers in
        [[fails(FailureKind::Permanent, 30), Answer::Hang], [Answer::Hang, fails(FailureKind::Permanent, 10)]]
    {
        let (service, control) = hedging(&fixed());
        control.answers(answers);
        let error = service.oneshot("hello").await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (FailureKind::Permanent, 2));
        assert_eq!(control.counts().dropped, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_first_failure_that_is_no_refusal_is_the_answer() {
    use FailureKind::{Cancelled, Refused, Timeout, Transient};
    for (first, second, told) in [
        (named("first", Transient, 30), named("second", Timeout, 30), "first"),
        (named("first", Refused, 30), named("second", Transient, 30), "second"),
        (named("first", Transient, 30), named("second", Refused, 30), "first"),
        (named("first", Cancelled, 30), named("second", Refused, 30), "first"),
    ] {
        let (service, control) = hedging(&fixed());
        control.answers([first, second]);
        let error = service.oneshot("hello").await.unwrap_err();
        assert_eq!((error.name(), error.attempts()), (told, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_before_the_delay_is_not_hedged() {
    let (service, control) = hedging(&fixed());
    control.answers([fails(FailureKind::Transient, 10)]);
    let error = service.oneshot("hello").await.unwrap_err();
    assert_eq!((error.attempts(), control.counts().calls), (1, 1));
}

/// grpc-java #7222: throttled hedging left the call without an end.
#[tokio::test(start_paused = true)]
async fn a_call_whose_hedge_is_not_paid_for_ends_with_its_first_attempt() {
    let recorder = Arc::new(Recorder::default());
    let config = HedgeConfig { budget_ratio: 0.0, budget_reserve: 1.0, ..fixed() };
    let handle = HedgeHandle::new(recorder.identity(), &config).unwrap();
    let (inner, control) = HostileService::echo();
    let service = layer(handle.clone()).layer(inner);
    control.answers([Answer::Hang, Answer::Ok("paid"), fails(FailureKind::Transient, 50)]);
    assert_eq!(service.clone().oneshot("hello").await.unwrap(), "paid");
    assert!(handle.balance().abs() < 1e-9);

    assert_eq!(service.clone().oneshot("hello").await.unwrap_err().kind(), FailureKind::Transient);
    control.answers([Answer::Ok("late").after(millis(50))]);
    assert_eq!(service.oneshot("hello").await.unwrap(), "late");
    assert_eq!(control.counts().calls, 4);
    let refused = recorder.of("hedge").into_iter();
    assert_eq!(refused.filter(|event| *event == Event::BudgetExhausted { balance: 0.0 }).count(), 2);
}

/// A fixed delay that the backend has outgrown makes every call want a hedge.
#[tokio::test(start_paused = true)]
async fn a_delay_that_is_wrong_costs_no_more_than_the_budget() {
    let (service, control) = {
        let (inner, control) =
            HostileService::<_, _, Error>::new(|request: &str| Answer::Ok(request).after(millis(100)));
        (layer(handle(&fixed())).layer(inner), control)
    };
    for _ in 0..1000 {
        service.clone().oneshot("hello").await.unwrap();
    }
    let hedges = control.counts().calls - 1000;
    assert!((50..=60).contains(&hedges), "a twentieth and the reserve, not {hedges}");
}

#[tokio::test(start_paused = true)]
async fn only_idempotent_calls_are_hedged() {
    use Idempotency::{Idempotent, NotIdempotent, Unspecified};
    for (caller, unspecified, calls) in [
        (Unspecified, NotIdempotent, 1),
        (Unspecified, Idempotent, 2),
        (Idempotent, NotIdempotent, 2),
        (NotIdempotent, Idempotent, 1),
    ] {
        let (inner, control) = HostileService::<&str, &str, Error>::echo();
        let service = HedgeLayer::new(handle(&fixed())).unspecified_is(unspecified).layer(inner);
        control.answers([Answer::Ok("slow").after(millis(100))]);
        CallContext::default().idempotency(caller).scope(service.oneshot("hello")).await.unwrap();
        assert_eq!(control.counts().calls, calls, "{caller:?}, {unspecified:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_copied_is_sent_once() {
    #[derive(Clone)]
    struct Streams;
    impl Classify<String, Error> for Streams {
        fn classify(&self, result: Result<&String, &Error>) -> Outcome {
            ByKind.classify(result)
        }
    }
    impl Replay<String> for Streams {
        fn replay(&self, _: &String) -> Option<String> {
            None
        }
        fn idempotency(&self, _: &String) -> Idempotency {
            Idempotency::Idempotent
        }
    }
    let (inner, control) = HostileService::<String, String, Error>::echo();
    control.answers([Answer::Ok("slow".to_owned()).after(millis(100))]);
    HedgeLayer::new(handle(&fixed())).classifier(Streams).layer(inner).oneshot(String::new()).await.unwrap();
    assert_eq!(control.counts().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_knows_its_number_counted_on_from_an_outer_retrys() {
    let inner = service_fn(|()| async {
        match CallContext::current().attempt_number() {
            attempt @ (2 | 4) => Ok::<_, Error>(attempt),
            _ => std::future::pending().await,
        }
    });
    let service = layer(handle(&fixed())).layer(inner);
    assert_eq!(service.clone().oneshot(()).await.unwrap(), 2);
    let third = CallContext::default().attempt(NonZeroU32::new(3).unwrap());
    assert_eq!(third.scope(service.oneshot(())).await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_further_hedge_follows_after_another_delay_until_one_is_refused() {
    let three = HedgeConfig { max_hedges: NonZeroU32::new(3).unwrap(), ..fixed() };
    let (service, control) = hedging(&three);
    control.answers([Answer::Hang, Answer::Hang, Answer::Hang, Answer::Ok("fourth")]);
    let began = Instant::now();
    assert_eq!(service.oneshot("hello").await.unwrap(), "fourth");
    assert!((60..=63).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());

    let overloaded = FailureKind::Overloaded { retry_after: None };
    for kind in [FailureKind::Refused, overloaded] {
        let (service, control) = hedging(&three);
        control.answers([Answer::Ok("first").after(millis(200)), fails(kind, 1)]);
        assert_eq!(service.oneshot("hello").await.unwrap(), "first");
        assert_eq!(control.counts().calls, 2, "no hedge after {kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_never_waits_for_the_readiness_of_a_hedge() {
    let (mut service, control) = hedging(&fixed());
    control.answers([Answer::Ok("first").after(millis(30)), Answer::Ok("never")]);
    let call = service.ready().await.unwrap().call("hello");
    control.readiness([Readiness::Blocked]);
    assert_eq!(call.await.unwrap(), "first");
    assert_eq!(control.counts().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_is_not_ready_within_another_delay_is_not_sent_and_costs_nothing() {
    let handle = handle(&fixed());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let mut service = layer(handle.clone()).layer(inner);
    control.answers([Answer::Ok("first").after(millis(100)), Answer::Ok("never")]);
    let mut call = task::spawn(service.ready().await.unwrap().call("hello"));
    control.readiness([Readiness::Blocked]);
    assert_pending!(call.poll());
    tokio::time::advance(millis(21)).await;
    assert_pending!(call.poll());
    assert!((handle.balance() - 9.0).abs() < 1e-9, "paid for");
    tokio::time::advance(millis(21)).await;
    assert_pending!(call.poll());
    assert!((handle.balance() - 10.0).abs() < 1e-9, "given back");
    assert_eq!(control.counts().instances, 1, "and what would have sent it is gone");
    control.unblock();
    assert_eq!(call.await.unwrap(), "first");
    assert_eq!(control.counts().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_is_not_the_answer_while_the_first_attempt_is_under_way() {
    let (mut service, control) = hedging(&fixed());
    control.answers([Answer::Ok("first").after(millis(100))]);
    let call = service.ready().await.unwrap().call("hello");
    control.readiness([Readiness::Err(Error::new(FailureKind::Permanent, "hostile", "gone"))]);
    assert_eq!(call.await.unwrap(), "first");
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_ends_after_the_deadline_is_not_begun() {
    let (service, control) = hedging(&fixed());
    control.answers([Answer::Ok("slow").after(millis(30))]);
    let context = CallContext::default().within(DELAY, Instant::now().into_std());
    context.scope(service.oneshot("hello")).await.unwrap();
    assert_eq!(control.counts().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_the_deadline() {
    // The second hedge would be due then; the first one may be due before, and ready only then.
    for readiness in [vec![], vec![Readiness::Blocked]] {
        let two = HedgeConfig { max_hedges: NonZeroU32::new(2).unwrap(), ..fixed() };
        let handle = handle(&two);
        let (inner, control) = HostileService::<&str, &str, Error>::echo();
        let mut service = layer(handle.clone()).layer(inner);
        let blocked = readiness.len() as u64;
        control.answers([Answer::Ok("slow").after(millis(100)), Answer::Hang, Answer::Ok("never")]);
        let context = CallContext::default().within(millis(30), Instant::now().into_std());
        let call = tokio::spawn(context.scope(service.ready().await.unwrap().call("hello")));
        control.readiness(readiness);
        tokio::time::sleep(millis(35)).await;
        control.unblock();
        assert_eq!(call.await.unwrap().unwrap(), "slow");
        assert_eq!(control.counts().calls, 2 - blocked, "{blocked} blocked");
    }
}

fn shared(reserve: f64) -> SharedRetryBudget {
    let config = RetryBudgetConfig { reserve, trickle: 0.0, ..RetryBudgetConfig::default() };
    SharedRetryBudget::new(RetryBudget::new(config, Instant::now().into_std()).unwrap())
}

fn balance(budget: &SharedRetryBudget) -> f64 {
    budget.with(|budget| budget.balance(Instant::now().into_std()))
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_the_retries_pays_too_and_gets_back_what_was_worth_it() {
    let (of_layer, of_context) = (shared(2.0), shared(2.0));
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let handle = handle(&fixed());
    let service = layer(handle.clone()).budget(of_layer.clone()).layer(inner);

    // The hedge wins: it was worth it.
    control.answers([Answer::Hang, Answer::Ok("hedge")]);
    service.clone().oneshot("hello").await.unwrap();
    assert!((balance(&of_layer) - 2.0).abs() < 1e-9);
    // It loses: it was not.
    control.answers([Answer::Ok("first").after(millis(30)), Answer::Hang]);
    service.clone().oneshot("hello").await.unwrap();
    assert!((balance(&of_layer) - 1.0).abs() < 1e-9);
    // The context's own budget goes first.
    control.answers([Answer::Ok("first").after(millis(30)), Answer::Hang]);
    CallContext::default().budget(of_context.clone()).scope(service.clone().oneshot("hello")).await.unwrap();
    assert!((balance(&of_layer) - 1.0).abs() < 1e-9);
    assert!((balance(&of_context) - 1.0).abs() < 1e-9);

    // When it is empty nothing is hedged, and the own budget gets its part back.
    let calls = control.counts().calls;
    let own = handle.balance();
    control.answers([Answer::Ok("first").after(millis(30))]);
    CallContext::default().budget(shared(0.0)).scope(service.oneshot("hello")).await.unwrap();
    assert_eq!(control.counts().calls, calls + 1);
    assert!(handle.balance() >= own);
}

#[tokio::test(start_paused = true)]
async fn the_loser_is_no_failure_of_the_backend() {
    let config = CircuitBreakerConfig { consecutive_failures: NonZeroU32::new(1), ..Default::default() };
    let breaker = CircuitBreakerHandle::seeded(Identity::default(), &config, 7).unwrap();
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let service = layer(handle(&fixed())).layer(CircuitBreakerLayer::new(breaker.clone()).layer(inner));
    for _ in 0..5 {
        control.answers([Answer::Hang, Answer::Ok("hedge")]);
        service.clone().oneshot("hello").await.unwrap();
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_call_at_any_point_drops_every_attempt_and_pays_back_what_was_not_sent() {
    let config = HedgeConfig { max_hedges: NonZeroU32::new(2).unwrap(), ..fixed() };
    for polls in 0..30 {
        let handle = handle(&config);
        let (inner, control) = HostileService::<&str, &str, Error>::echo();
        let mut service = layer(handle.clone()).layer(inner);
        control.answers([Answer::Hang, Answer::Hang, Answer::Ok("third").after(millis(40))]);
        let mut call = task::spawn(service.ready().await.unwrap().call("hello"));
        drop(service);
        control.readiness([Readiness::Pending(2), Readiness::Pending(2)]);
        for _ in 0..polls {
            if call.poll().is_ready() {
                break;
            }
            tokio::time::advance(millis(5)).await;
        }
        drop(call);
        let counts = control.counts();
        assert_eq!((counts.in_flight, counts.holding, counts.instances), (0, 0, 0), "after {polls} polls");
        let spent = (counts.calls - 1) as f64;
        let expected = (10.0 - spent + 0.05).min(10.0);
        assert!((handle.balance() - expected).abs() < 1e-9, "{} after {polls} polls", handle.balance());
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_panics_leaves_nothing_behind() {
    let (service, control) = hedging(&fixed());
    control.answers([Answer::Hang, Answer::Panic]);
    assert!(tokio::spawn(service.clone().oneshot("hello")).await.unwrap_err().is_panic());
    assert_eq!(control.counts().in_flight, 0);
    assert_eq!(service.oneshot("again").await.unwrap(), "again");
}

#[tokio::test(start_paused = true)]
async fn what_happens_is_told() {
    let recorder = Arc::new(Recorder::default());
    let handle = HedgeHandle::new(recorder.identity(), &fixed()).unwrap();
    let (inner, control) = HostileService::echo();
    let service = layer(handle.clone()).layer(inner);
    control.answers([fails(FailureKind::Transient, 30), Answer::Ok("hedge").after(millis(20))]);
    service.oneshot("hello").await.unwrap();
    let events = recorder.of("hedge");
    let [
        Event::Hedged { attempt: 2, delay },
        Event::Attempted { attempt: 1, outcome: first, elapsed },
        Event::Attempted { attempt: 2, outcome: Outcome::Success, elapsed: hedge },
    ] = events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(first, Outcome::failure(FailureKind::Transient));
    assert!(delay >= DELAY && elapsed >= millis(30) && hedge >= millis(20), "{events:?}");

    handle.reconfigure(&HedgeConfig { fixed_delay: Some(millis(7)), ..fixed() }).unwrap();
    assert_eq!(handle.delay(), Some(millis(7)));
    handle.reconfigure(&HedgeConfig { fixed_delay: Some(Duration::ZERO), ..fixed() }).unwrap_err();
    assert_eq!(handle.delay(), Some(millis(7)));
    assert_eq!(recorder.of("hedge")[3..], [Event::Reconfigured, Event::ReconfigurationRefused]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_never_wait_teach_a_delay_too() {
    let handle = handle(&HedgeConfig::default());
    let (inner, _control) = HostileService::<&str, &str, Error>::echo();
    let service = layer(handle.clone()).layer(inner);
    for _ in 0..50 {
        assert_eq!(handle.delay(), None);
        service.clone().oneshot("hello").await.unwrap();
    }
    assert_eq!(handle.delay(), Some(millis(1)), "the minimum");
}

#[tokio::test(start_paused = true)]
async fn a_hedge_goes_to_another_endpoint_of_a_balance_than_the_first_attempt() {
    // Each attempt signs the call, and the first of it hangs.
    type Signed = Arc<Mutex<Vec<&'static str>>>;
    let replica = |name| {
        let answer = service_fn(move |call: Signed| async move {
            call.lock().unwrap().push(name);
            if call.lock().unwrap().len() == 1 { std::future::pending().await } else { Ok::<_, Error>(()) }
        });
        (name, answer)
    };
    let replicas = ["one", "two"].map(replica);
    let set = BalanceHandle::seeded(Identity::default(), &BalanceConfig::default(), replicas, 7).unwrap();
    let config = HedgeConfig { budget_reserve: 1000.0, ..fixed() };
    let service = layer(handle(&config)).layer(Balance::new(set));
    for _ in 0..200 {
        let call = Signed::default();
        service.clone().oneshot(Arc::clone(&call)).await.unwrap();
        let met = call.lock().unwrap().clone();
        assert!(met == ["one", "two"] || met == ["two", "one"], "{met:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_that_meet_overload_are_paid_for_as_hedges_are() {
    let config = HedgeConfig { budget_ratio: 0.0, ..fixed() };
    for (kind, left) in [
        (FailureKind::Timeout, 7.0),
        (FailureKind::Overloaded { retry_after: None }, 7.0),
        (FailureKind::Transient, 10.0),
        (FailureKind::Refused, 10.0),
    ] {
        let (inner, control) = HostileService::<&str, &str, Error>::echo();
        let handle = handle(&config);
        let service = layer(handle.clone()).layer(inner);
        control.answers((0..3).map(|_| Answer::failure(kind)));
        for _ in 0..3 {
            service.clone().oneshot("hello").await.unwrap_err();
        }
        assert!((handle.balance() - left).abs() < 1e-9, "{kind:?}: {}", handle.balance());
    }
}
