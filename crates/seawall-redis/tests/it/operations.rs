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

#[tokio::test]
async fn checkpoints_are_written_once_in_an_interval_and_the_last_one_always() {
    let all = operations(LONG).await.checkpoint_interval(LONG);
    let done = async || all.progress("a").await.unwrap().unwrap().done;
    let mut operation = ours(&all, "one").await;
    operation.checkpoint(1, 100, b"1").await.unwrap();
    assert_eq!(done().await, 1, "the first at once");
    for n in 2..100 {
        operation.checkpoint(n, 100, b"more").await.unwrap();
    }
    assert_eq!((done().await, operation.done()), (1, 99));
    operation.flush().await.unwrap();
    assert_eq!(done().await, 99, "when asked for");
    operation.checkpoint(100, 100, b"100").await.unwrap();
    assert_eq!(done().await, 100, "one that is the last at once");
    operation.checkpoint(101, 200, b"101").await.unwrap();
    operation.complete("done").await.unwrap();
    let ended = all.progress("a").await.unwrap().unwrap();
    assert_eq!((ended.state, ended.done, ended.total), (State::Completed, 101, 200));
}

#[tokio::test]
async fn a_checkpoint_that_waits_is_written_when_its_interval_is_over_or_its_operation_dropped() {
    let client = connect().await;
    let all = Operations::new(&client, "imports", LONG, LONG).checkpoint_interval(Duration::from_millis(50));
    let mut operation = ours(&all, "one").await;
    operation.checkpoint(1, 100, b"1").await.unwrap();
    operation.checkpoint(2, 100, b"2").await.unwrap();
    operation.checkpoint(3, 100, b"3").await.unwrap();
    until("the newest is written", async || all.progress("a").await.unwrap().unwrap().done == 3).await;

    let seldom = all.clone().checkpoint_interval(LONG);
    let mut operation = ours(&seldom, "one").await;
    operation.checkpoint(4, 100, b"4").await.unwrap();
    operation.checkpoint(5, 100, b"5").await.unwrap();
    drop(operation);
    until("it is written", async || all.progress("a").await.unwrap().unwrap().done == 5).await;
    assert_eq!(all.progress("a").await.unwrap().unwrap().checkpoint, b"5");
}

#[tokio::test]
async fn an_owner_who_was_replaced_is_told_by_a_checkpoint_after() {
    let all = operations(LONG).await.checkpoint_interval(Duration::from_millis(20));
    let mut before = ours(&all, "one").await;
    before.checkpoint(1, 10, b"1").await.unwrap();
    let _again = ours(&all, "one").await;
    until("it is told", async || match before.checkpoint(2, 10, b"2").await {
        Ok(()) => false,
        Err(error) => error.kind() == FailureKind::Refused,
    })
    .await;
    assert_eq!(all.progress("a").await.unwrap().unwrap().done, 1);
    assert_eq!(before.complete("mine").await.unwrap_err().kind(), FailureKind::Refused);
}
