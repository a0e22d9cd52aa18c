use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind, Priority, Refusal};

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
