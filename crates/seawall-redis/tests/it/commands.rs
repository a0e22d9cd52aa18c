use std::collections::HashMap;
use std::time::Duration;

use seawall_core::FailureKind;
use seawall_redis::redis::Value;
use seawall_redis::{Script, SetOptions};

use crate::support::connect;

#[tokio::test]
async fn values_are_set_and_read_with_their_types() {
    let redis = connect().await;
    assert_eq!(redis.get::<Option<String>>("a").await.unwrap(), None);
    redis.set("a", "text").await.unwrap();
    assert_eq!(redis.get::<String>("a").await.unwrap(), "text");
    redis.set("b", vec![0_u8, 255, 13, 10]).await.unwrap();
    assert_eq!(redis.get::<Vec<u8>>("b").await.unwrap(), [0, 255, 13, 10]);
    assert_eq!(redis.incr("n", 5).await.unwrap(), 5);
    assert_eq!(redis.get::<i64>("n").await.unwrap(), 5);
    redis.mset(&[("c", 1), ("d", 2)]).await.unwrap();
    let values: Vec<Option<i64>> = redis.mget(&["c", "x", "d"]).await.unwrap();
    assert_eq!(values, [Some(1), None, Some(2)]);
    assert_eq!(redis.del(&["c", "d", "x"]).await.unwrap(), 2);
    assert_eq!(redis.exists(&["a", "c"]).await.unwrap(), 1);
    assert_eq!(redis.getdel::<Option<String>>("a").await.unwrap().as_deref(), Some("text"));
    assert_eq!(redis.getdel::<Option<String>>("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_value_is_set_for_a_time_and_under_conditions() {
    let redis = connect().await;
    let only_new = SetOptions { if_exists: Some(false), ..SetOptions::default() };
    let only_old = SetOptions { if_exists: Some(true), ..SetOptions::default() };
    assert!(!redis.set_with("a", 1, only_old).await.unwrap());
    assert!(redis.set_with("a", 1, only_new).await.unwrap());
    assert!(!redis.set_with("a", 2, only_new).await.unwrap());
    assert_eq!(redis.ttl("a").await.unwrap(), None);
    let for_a_while = SetOptions { ttl: Some(Duration::from_secs(100)), ..SetOptions::default() };
    assert!(redis.set_with("a", 3, for_a_while).await.unwrap());
    let keep = SetOptions { keep_ttl: true, ..SetOptions::default() };
    assert!(redis.set_with("a", 4, keep).await.unwrap());
    assert!(redis.ttl("a").await.unwrap().unwrap() > Duration::from_secs(10));
    assert!(redis.persist("a").await.unwrap());
    assert!(redis.expire("a", Duration::from_nanos(1)).await.unwrap());
    assert!(!redis.expire("x", Duration::from_secs(1)).await.unwrap());
}

#[tokio::test]
async fn hashes_lists_sets_and_sorted_sets_have_their_commands() {
    let redis = connect().await;
    assert_eq!(redis.hset("h", &[("a", 1), ("b", 2)]).await.unwrap(), 2);
    assert_eq!(redis.hget::<i64>("h", "a").await.unwrap(), 1);
    assert_eq!(redis.hincr("h", "a", 4).await.unwrap(), 5);
    assert_eq!(redis.hmget::<Vec<Option<i64>>>("h", &["a", "x"]).await.unwrap(), [Some(5), None]);
    let all: HashMap<String, i64> = redis.hgetall("h").await.unwrap();
    assert_eq!(all, HashMap::from([("a".to_owned(), 5), ("b".to_owned(), 2)]));
    assert_eq!(redis.hdel("h", "a").await.unwrap(), 1);
    assert_eq!(redis.hlen("h").await.unwrap(), 1);

    assert_eq!(redis.rpush("l", &["b", "c"]).await.unwrap(), 2);
    assert_eq!(redis.lpush("l", "a").await.unwrap(), 3);
    assert_eq!(redis.lrange::<Vec<String>>("l", 0, -1).await.unwrap(), ["a", "b", "c"]);
    assert_eq!(redis.lpop::<Option<String>>("l").await.unwrap().as_deref(), Some("a"));
    assert_eq!(redis.rpop::<Option<String>>("l").await.unwrap().as_deref(), Some("c"));
    assert_eq!(redis.llen("l").await.unwrap(), 1);

    assert_eq!(redis.sadd("s", &[1, 2, 2]).await.unwrap(), 2);
    assert!(redis.sismember("s", 1).await.unwrap());
    assert_eq!(redis.srem("s", 1).await.unwrap(), 1);
    assert_eq!(redis.smembers::<Vec<i64>>("s").await.unwrap(), [2]);
    assert_eq!(redis.scard("s").await.unwrap(), 1);

    assert!(redis.zadd("z", 1.5, "a").await.unwrap());
    assert!(!redis.zadd("z", 1.0, "a").await.unwrap());
    assert!((redis.zincr("z", 0.5, "a").await.unwrap() - 1.5).abs() < 1e-9);
    assert!(redis.zadd("z", 9.0, "b").await.unwrap());
    assert_eq!(redis.zscore("z", "x").await.unwrap(), None);
    assert_eq!(redis.zrange::<Vec<String>>("z", 0, -1).await.unwrap(), ["a", "b"]);
    assert_eq!(redis.zrange_by_score::<Vec<String>>("z", 2.0, f64::INFINITY).await.unwrap(), ["b"]);
    assert_eq!(redis.zrem("z", "a").await.unwrap(), 1);
    assert_eq!(redis.zcard("z").await.unwrap(), 1);
}

#[tokio::test]
async fn a_mistake_is_permanent_and_was_not_executed() {
    let redis = connect().await;
    redis.set("text", "abc").await.unwrap();
    let error = redis.incr("text", 1).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(!error.may_have_executed());
    assert_eq!(error.attempts(), 1);
    let error = redis.lpush("text", 1).await.unwrap_err();
    assert!(error.to_string().contains("WRONGTYPE") || error.to_string().contains("wrong kind"), "{error}");
    let error = redis.get::<i64>("text").await.unwrap_err();
    assert!(error.to_string().contains("not of the type"), "{error}");
    let error = redis.command("NO-SUCH-COMMAND").execute().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
}

#[tokio::test]
async fn several_commands_go_out_at_once_and_answer_in_order() {
    let redis = connect().await;
    let (a, b): (i64, Option<String>) = redis
        .pipelined()
        .command("SET")
        .arg("a")
        .arg(1)
        .ignore()
        .command("INCRBY")
        .arg("a")
        .arg(2)
        .command("GET")
        .arg("b")
        .query()
        .await
        .unwrap();
    assert_eq!((a, b), (3, None));
    assert_eq!(redis.pipelined().query::<Vec<i64>>().await.unwrap(), Vec::<i64>::new());

    let error =
        redis.pipelined().command("SET").arg("c").arg(1).command("INCR").arg("c").arg("x").execute().await;
    assert!(error.unwrap_err().may_have_executed());
    assert_eq!(redis.get::<i64>("c").await.unwrap(), 1);
}

#[tokio::test]
async fn an_atomic_pipeline_is_carried_out_as_a_whole_or_not_at_all() {
    let redis = connect().await;
    let answers: Vec<i64> =
        redis.pipelined().atomic().command("INCR").arg("a").command("INCR").arg("a").query().await.unwrap();
    assert_eq!(answers, [1, 2]);
    let error =
        redis.pipelined().atomic().command("INCR").arg("a").command("INCR").execute().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert_eq!(redis.get::<i64>("a").await.unwrap(), 2);
}

#[tokio::test]
async fn a_script_is_sent_as_a_whole_only_when_the_server_does_not_know_it() {
    let redis = connect().await;
    let code = format!("-- {}\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])", fastrand::u64(..));
    let add = Script::new(&code);
    let known =
        async || redis.command("SCRIPT").arg("EXISTS").arg(add.hash()).query::<Vec<bool>>().await.unwrap();
    assert_eq!(known().await, [false]);
    assert_eq!(add.on(&redis).key("n").arg(2).query::<i64>().await.unwrap(), 2);
    assert_eq!(known().await, [true]);
    assert_eq!(add.on(&redis).key("n").arg(2).query::<i64>().await.unwrap(), 4);
    let error = add.on(&redis).key("n").arg("x").query::<Value>().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
}
