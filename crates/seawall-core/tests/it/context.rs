use std::future::{Future, Ready, poll_fn};
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use seawall_core::{
    CallContext, Error, FailureKind, Priority, Refusal, RetryBudget, RetryBudgetConfig, SharedRetryBudget,
};

use crate::retry_budget::some_instant;

#[test]
fn a_scoped_future_sees_its_context_and_leaves_none_behind() {
    let future = CallContext::default().priority(Priority::High).scope_with(|| {
        assert_eq!(CallContext::current().priority_class(), Priority::High, "while it is made");
        let mut polls = 0;
        poll_fn(move |_| {
            assert_eq!(CallContext::current().priority_class(), Priority::High, "while it is polled");
            polls += 1;
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        })
    });
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_pending());
    assert_eq!(CallContext::current().priority_class(), Priority::Normal, "between polls");
    assert!(future.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn a_panic_inside_of_a_scope_restores_the_context_outside() {
    let outside = CallContext::default().priority(Priority::Low);
    outside.enter(|| {
        let inside = CallContext::default().priority(Priority::Critical);
        let result = std::panic::catch_unwind(|| inside.enter(|| panic!("inside")));
        assert!(result.is_err());
        assert_eq!(CallContext::current().priority_class(), Priority::Low);
    });
}

#[test]
fn a_narrowed_future_sees_the_rest_of_the_context_that_it_is_polled_in() {
    let now = some_instant();
    let near = now + Duration::from_secs(1);
    let seen = || {
        let context = CallContext::current();
        (context.deadline_at(), context.attempt_number(), context.priority_class())
    };
    let attempt = NonZeroU32::new(2);
    let future = CallContext::scope_deadline(near, || {
        CallContext::scope_attempt(attempt, || {
            assert_eq!(seen(), (Some(near), 2, Priority::Normal), "while it is made");
            poll_fn(move |_| Poll::Ready(seen()))
        })
    });
    let outside = CallContext::default().priority(Priority::Low).within(Duration::from_secs(9), now);
    let mut future = pin!(outside.scope(future));
    let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready((Some(near), 2, Priority::Low)));
    assert_eq!(seen(), (None, 1, Priority::Normal), "and leaves nothing behind");
}

#[test]
fn a_narrowed_deadline_is_never_later_than_the_one_outside() {
    let now = some_instant();
    let far = now + Duration::from_secs(9);
    let outside = CallContext::default().within(Duration::from_secs(1), now);
    outside.enter(|| {
        let _narrowed = CallContext::scope_deadline(far, || {
            assert_eq!(CallContext::current_deadline(), Some(now + Duration::from_secs(1)));
            std::future::ready(())
        });
    });
}

#[test]
fn a_panic_inside_of_a_narrowed_context_restores_the_one_outside() {
    let make = || CallContext::scope_attempt(NonZeroU32::new(3), || -> Ready<()> { panic!("inside") });
    assert!(std::panic::catch_unwind(make).is_err());
    assert_eq!(CallContext::current_attempt(), None);
}

#[test]
fn a_budget_travels_with_its_context_and_not_beyond() {
    let config = RetryBudgetConfig { reserve: 7.0, ..RetryBudgetConfig::default() };
    let now = some_instant();
    let budget = SharedRetryBudget::new(RetryBudget::new(config, now).unwrap());
    let balance = || CallContext::current_budget().map(|budget| budget.with(|budget| budget.balance(now)));
    CallContext::default().budget(budget).enter(|| {
        assert_eq!(balance(), Some(7.0));
        CallContext::default().enter(|| assert_eq!(balance(), None));
        assert_eq!(balance(), Some(7.0));
    });
    assert_eq!(balance(), None);
}

#[test]
fn a_callee_cannot_lengthen_a_deadline() {
    let now = some_instant();
    let context =
        CallContext::default().within(Duration::from_secs(1), now).within(Duration::from_secs(9), now);
    assert_eq!(context.remaining(now), Some(Duration::from_secs(1)));
    assert_eq!(context.remaining(now + Duration::from_secs(3)), Some(Duration::ZERO));
    assert_eq!(CallContext::default().within(Duration::MAX, now).remaining(now), None);
}

#[test]
fn an_error_crosses_a_foreign_layer_that_boxes_errors_unharmed() {
    let ours = Error::new(FailureKind::Timeout, "http", "GET /").with_retry_after(Duration::from_secs(2));
    let back = Error::from_boxed(Box::new(ours), "stack", "name");
    assert_eq!((back.kind(), back.layer()), (FailureKind::Timeout, "http"));

    let refusal = Refusal::new("circuit_breaker", "billing", FailureKind::Refused, "circuit is open");
    let back = Error::from_boxed(Box::new(refusal), "stack", "name");
    assert_eq!((back.kind(), back.may_have_executed()), (FailureKind::Refused, false));

    let back = Error::from_boxed("who knows".into(), "stack", "name");
    assert_eq!(back.to_string(), "stack `name`: permanent failure: who knows");
}

#[test]
fn work_that_others_wait_for_too_keeps_everything_but_the_deadline() {
    let now = some_instant();
    let caller = CallContext::default().priority(Priority::High).within(Duration::from_secs(1), now);
    let shared = caller.without_deadline().within(Duration::from_secs(30), now);
    assert_eq!(shared.remaining(now), Some(Duration::from_secs(30)));
    assert_eq!(shared.priority_class(), Priority::High);
}
