//! What the errors of scripts and transactions say of what was executed.

use seawall_core::{Error, FailureKind};
use seawall_redis::{Redis, Script};
use seawall_testkit::servers::Redis as Server;

use crate::support::{connect, connect_to, until};

async fn run(redis: &Redis, code: &str) -> Error {
    Script::new(code).on(redis).query::<seawall_redis::redis::Value>().await.unwrap_err()
}

#[tokio::test]
async fn an_error_within_a_script_says_that_part_of_it_may_have_been_executed() {
    let redis = connect().await;
    redis.rpush("list", "x").await.unwrap();
    for rest in [
        "redis.call('INCR', 'list')",
        "return redis.pcall('INCR', 'list')",
        "return redis.error_reply('MINE no')",
        "return redis.error_reply('no')",
        "error('no')",
        "error({err = 'BUSY within'})",
        "return nothing.there",
    ] {
        redis.del("done").await.unwrap();
        let error = run(&redis, &format!("redis.call('SET', 'done', 1) {rest}")).await;
        assert_eq!(redis.get::<i64>("done").await.unwrap(), 1, "{rest}");
        assert!(error.may_have_executed(), "{rest}: {error}");
    }
}

#[tokio::test]
async fn an_error_before_a_script_runs_says_that_nothing_was_executed() {
    let redis = connect().await;
    let error = run(&redis, "this is no lua").await;
    assert_eq!((error.may_have_executed(), error.kind()), (false, FailureKind::Permanent), "{error}");
    for words in [&["EVAL", "return 1"][..], &["EVAL", "return 1", "-1"], &["EVALSHA", "unknown", "0"]] {
        let command = words[1..].iter().fold(redis.command(words[0]), |command, word| command.arg(*word));
        let error = command.execute().await.unwrap_err();
        assert!(!error.may_have_executed(), "{words:?}: {error}");
    }
}

#[tokio::test]
async fn a_replica_that_takes_no_writes_has_executed_nothing_of_a_script() {
    let server = Server::start().unwrap();
    let redis = connect_to(&server.url()).await;
    redis.command("REPLICAOF").arg(&["127.0.0.1", "1"]).execute().await.unwrap();
    let error = run(&redis, "return redis.call('SET', 'a', 1)").await;
    assert_eq!(error.kind(), FailureKind::Transient, "{error}");
    assert!(!error.may_have_executed(), "{error}");
    until("the connection is replaced", async || redis.stats().unwrap().replaced.read_only >= 1).await;

    // A transaction that is discarded for the same reason has executed nothing either, and may be made again.
    let error = redis.pipelined().atomic().command("SET").arg("a").arg(1).execute().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient, "{error}");
    assert!(!error.may_have_executed(), "{error}");
}

#[tokio::test]
async fn a_transaction_of_which_a_command_failed_says_that_the_rest_was_executed() {
    let redis = connect().await;
    redis.set("text", "x").await.unwrap();
    let mut session = redis.session().await.unwrap();
    for on_session in [false, true] {
        redis.del("done").await.unwrap();
        let failing =
            redis.pipelined().atomic().command("SET").arg("done").arg(1).command("INCR").arg("text");
        let error = if on_session {
            session.query::<seawall_redis::redis::Value>(failing).await.unwrap_err()
        } else {
            failing.execute().await.unwrap_err()
        };
        assert_eq!(redis.get::<i64>("done").await.unwrap(), 1);
        assert!(error.may_have_executed(), "{error}");
    }
    let discarded = redis.pipelined().atomic().command("SET").arg("done").arg(2).command("INCR");
    let error = discarded.execute().await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Permanent, false), "{error}");
    assert_eq!(redis.get::<i64>("done").await.unwrap(), 1);
}

#[tokio::test]
async fn of_several_commands_one_that_failed_says_that_the_others_may_have_been_executed() {
    let redis = connect().await;
    redis.set("text", "x").await.unwrap();
    let mut session = redis.session().await.unwrap();
    for on_session in [false, true] {
        let failing = redis.pipelined().command("INCR").arg("done").command("INCR").arg("text");
        let error = if on_session {
            session.query::<seawall_redis::redis::Value>(failing).await.unwrap_err()
        } else {
            failing.execute().await.unwrap_err()
        };
        assert!(error.may_have_executed(), "{error}");
    }
    assert_eq!(redis.get::<i64>("done").await.unwrap(), 2);
}
