use std::error::Error as _;
use std::time::Duration;

use seawall_core::{Error, FailureKind};

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
