use std::time::Duration;

use seawall_core::FailureKind;
use seawall_redis::{Claim, Operation, Operations, State};

use crate::support::{connect, until};

const LONG: Duration = Duration::from_mins(1);

async fn operations(lease: Duration) -> Operations {
    Operations::new(&connect().await, "imports", lease, LONG)
}

async fn ours(operations: &Operations, owner: &str) -> Operation {
    match operations.claim("a", owner).await.unwrap() {
        Claim::Ours(operation) => operation,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_operation_is_claimed_checkpointed_and_completed() {
    let operations = operations(LONG).await;
    assert_eq!(operations.progress("a").await.unwrap(), None);
    let mut operation = ours(&operations, "one").await;
    assert_eq!((operation.done(), operation.last_checkpoint()), (0, &b""[..]));
    operation.checkpoint(40, 100, b"at 40").await.unwrap();
    let progress = operations.progress("a").await.unwrap().unwrap();
    assert_eq!((progress.state, progress.done, progress.total), (State::Running, 40, 100));
    assert_eq!((progress.owner.as_str(), progress.checkpoint.as_slice()), ("one", &b"at 40"[..]));
    operation.complete("100 lines").await.unwrap();
    let Claim::Ended(ended) = operations.claim("a", "two").await.unwrap() else { panic!("not ended") };
    assert_eq!((ended.state, ended.checkpoint.as_slice()), (State::Completed, &b"100 lines"[..]));
    assert_eq!(operations.orphans(10).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_takes_an_operation_from_an_owner_who_is_heard_of() {
    let operations = operations(LONG).await;
    let _operation = ours(&operations, "one").await;
    let Claim::Taken { by, retry_after } = operations.claim("a", "two").await.unwrap() else {
        panic!("taken")
    };
    assert_eq!(by, "one");
    assert!(retry_after <= LONG && retry_after > Duration::from_secs(1));
}

#[tokio::test]
async fn another_goes_on_where_one_stopped_and_the_one_before_writes_nothing_any_more() {
    let operations = operations(Duration::from_millis(50)).await;
    let mut first = ours(&operations, "one").await;
    first.checkpoint(40, 100, b"at 40").await.unwrap();
    until("it is an orphan", async || operations.orphans(10).await.unwrap() == ["a"]).await;
    let mut second = ours(&operations, "two").await;
    assert_eq!((second.done(), second.last_checkpoint()), (40, &b"at 40"[..]));
    assert!(second.fence() > first.fence());

    let error = first.checkpoint(50, 100, b"at 50").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused, "{error}");
    second.checkpoint(60, 100, b"at 60").await.unwrap();
    assert_eq!(first.complete("mine").await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(operations.progress("a").await.unwrap().unwrap().done, 60);
    second.fail("no").await.unwrap();
    assert_eq!(operations.progress("a").await.unwrap().unwrap().state, State::Failed);
}

#[tokio::test]
async fn an_owner_who_comes_back_takes_up_his_own_operation_at_once() {
    let operations = operations(LONG).await;
    let mut before = ours(&operations, "one").await;
    before.checkpoint(7, 10, b"seven").await.unwrap();
    let mut again = ours(&operations, "one").await;
    assert_eq!(again.done(), 7);
    again.checkpoint(8, 10, b"eight").await.unwrap();
    assert!(before.checkpoint(9, 10, b"nine").await.is_err());
}
