use std::time::Duration;

use seawall_core::{CallContext, FailureKind};
use seawall_redis::redis::Value;
use seawall_testkit::servers::redis_url;

use crate::support::{connect, connect_to, connect_with, overtaken, pass, until};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_command_that_blocks_stalls_nobody() {
    let redis = connect().await;
    let waiting = tokio::spawn({
        let redis = redis.clone();
        async move { redis.blpop::<String>("jobs", Duration::ZERO).await }
    });
    until("it waits", async || redis.stats().unwrap().dedicated.in_use == 1).await;
    for n in 0..100 {
        redis.set("a", n).await.unwrap();
    }
    redis.rpush("jobs", "one").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), Some(("jobs".to_owned(), "one".to_owned())));
    assert_eq!(redis.stats().unwrap().dedicated.in_use, 0);
}

#[tokio::test]
async fn a_command_that_blocks_has_the_time_it_asks_for_and_not_the_attempts() {
    let redis = connect_with(&redis_url().unwrap(), |config| {
        config.pipeline.attempt_timeout = Some(Duration::from_millis(50));
    })
    .await;
    let nothing = redis.blpop::<String>("jobs", Duration::from_millis(300)).await.unwrap();
    assert_eq!(nothing, None);
    let nothing: Value =
        redis.command("XREAD").arg(&["BLOCK", "300", "STREAMS", "s", "$"]).query().await.unwrap();
    assert_eq!(nothing, Value::Nil);
}

#[tokio::test]
async fn a_caller_that_gives_up_closes_the_connection_that_still_waits_for_him() {
    let redis = connect_with(&redis_url().unwrap(), |config| config.max_age = None).await;
    let began = tokio::time::Instant::now().into_std();
    let waiting = CallContext::default().within(HOUR, began);
    let waiting = waiting.scope(redis.blpop::<String>("jobs", Duration::ZERO));
    let waits = until("it waits", async || {
        let clients: String = redis.command("CLIENT").arg("LIST").query().await.unwrap();
        clients.contains("cmd=blpop")
    });
    let error = overtaken(waiting, waits, HOUR).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
    until("the connection is closed", async || redis.stats().unwrap().dedicated.open == 0).await;
    // Nobody takes it any more.
    redis.rpush("jobs", "one").await.unwrap();
    until("the server noticed", async || {
        let clients: String = redis.command("CLIENT").arg("LIST").query().await.unwrap();
        !clients.contains("cmd=blpop")
    })
    .await;
    redis.rpush("jobs", "two").await.unwrap();
    assert!(redis.llen("jobs").await.unwrap() >= 1);
}

#[tokio::test]
async fn only_so_many_wait_for_a_dedicated_connection_and_the_next_is_refused() {
    let redis = connect_with(&redis_url().unwrap(), |config| {
        config.dedicated.size = 1.try_into().unwrap();
        config.dedicated.max_waiters = 1;
        config.dedicated.wait_timeout = HOUR;
        config.max_age = None;
    })
    .await;
    let held = redis.session().await.unwrap();
    let waiting = tokio::spawn({
        let redis = redis.clone();
        async move { redis.session().await.map(drop) }
    });
    until("one waits", async || redis.stats().unwrap().dedicated.waiting == 1).await;
    let refused = redis.session().await.unwrap_err();
    assert!(matches!(refused.kind(), FailureKind::Overloaded { .. }), "{refused}");
    assert_eq!(refused.layer(), "redis_pool");
    pass(HOUR).await;
    let late = waiting.await.unwrap().unwrap_err();
    assert!(matches!(late.kind(), FailureKind::Overloaded { .. }), "{late}");
    drop(held);
    redis.session().await.unwrap();
}

#[tokio::test]
async fn a_large_request_goes_over_a_connection_of_its_own() {
    let redis = connect().await;
    assert_eq!(redis.stats().unwrap().connections, 1);
    redis.set("large", vec![7_u8; 1 << 20]).await.unwrap();
    assert_eq!(redis.stats().unwrap().connections, 2);
    assert_eq!(redis.get::<Vec<u8>>("large").await.unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn a_script_may_take_longer_than_an_attempt() {
    let redis = connect_with(&redis_url().unwrap(), |config| {
        config.pipeline.attempt_timeout = Some(Duration::from_millis(100));
    })
    .await;
    let code = "local s = redis.call('TIME') while true do local n = redis.call('TIME') \
                if (n[1] - s[1]) * 1000000 + n[2] - s[2] > 300000 then return 'done' end end";
    let answer: String = redis.command("EVAL").arg(code).arg(0).query().await.unwrap();
    assert_eq!(answer, "done");
}

#[tokio::test]
async fn a_client_of_a_numbered_database_stays_in_it() {
    let url = redis_url().unwrap();
    let redis = connect_to(&url).await;
    redis.set("here", 1).await.unwrap();
    let session: i64 = redis.session().await.unwrap().command("EXISTS").arg("here").query().await.unwrap();
    assert_eq!(session, 1);
    redis.rpush("list", "x").await.unwrap();
    assert!(redis.blpop::<String>("list", Duration::from_secs(1)).await.unwrap().is_some());
}
