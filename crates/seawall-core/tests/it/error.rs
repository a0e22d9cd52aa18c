use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{ByKind, Classify, Error, FailureKind, Name, Outcome};

#[test]
fn a_clone_of_an_error_says_the_same_and_shares_its_cause() {
    let cause = std::io::Error::other("connection reset by peer");
    let error = Error::new(FailureKind::Transient, "http", "GET /")
        .with_message("no answer")
        .with_retry_after(Duration::from_secs(3))
        .with_source(cause)
        .not_executed();
    let clone = error.clone();
    assert_eq!(format!("{clone:?}"), format!("{error:?}"));
    assert!(!clone.may_have_executed());

    let cause = |error: &Error| std::ptr::from_ref(error.source().unwrap()).addr();
    assert_eq!(cause(&clone), cause(&error));
    assert!(clone.source().unwrap().is::<std::io::Error>());
}

#[test]
fn a_wish_to_be_left_alone_is_an_overload_whatever_the_failure_is_called() {
    let wait = Duration::from_secs(7);
    for kind in [FailureKind::Transient, FailureKind::Timeout, FailureKind::Overloaded { retry_after: None }]
    {
        let error = Error::new(kind, "http", "GET /").with_retry_after(wait);
        let outcome = ByKind.classify(Err::<&(), _>(&error));
        let overloaded = FailureKind::Overloaded { retry_after: Some(wait) };
        assert_eq!(outcome, Outcome::failure(overloaded), "{kind:?}");
        assert_eq!(error.kind(), kind, "the error itself says what it said");
    }
    // What may not be retried does not become retryable by it.
    for kind in [FailureKind::Refused, FailureKind::Permanent, FailureKind::Cancelled] {
        let error = Error::new(kind, "http", "GET /").with_retry_after(wait);
        assert_eq!(ByKind.classify(Err::<&(), _>(&error)), Outcome::failure(kind));
    }
}

#[test]
fn a_name_shares_its_text() {
    let text: Arc<str> = Arc::from("billing.example.com");
    let name = Name::from(&text);
    let error = Error::new(FailureKind::Refused, "circuit_breaker", name.clone());
    assert_eq!(Arc::strong_count(&text), 3);
    assert_eq!(error.name().as_ptr(), text.as_ptr());
    assert_eq!(
        format!("{name} {name:?} {name:>21}"),
        "billing.example.com \"billing.example.com\"   billing.example.com"
    );
    let same = [Name::from("billing.example.com"), Name::from(String::from("billing.example.com"))];
    assert!(same.into_iter().all(|other| other == name));
}
