//! Commands on several keys of a cluster.

use seawall_core::FailureKind;
use seawall_redis::Redis;
use seawall_redis::redis::Value;

use crate::cluster::{home_of, is_refused, start};
use crate::support::{connect_patiently, connect_to};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_key_by_key_is_done_wherever_the_keys_are_and_summed() {
    let cluster = start(3, 0).await;
    let redis = connect_patiently(&cluster.url(), |_| {}).await;
    let keys: Vec<String> = (0..50).map(|number| format!("key{number}")).collect();
    for key in &keys {
        redis.set(key, 1).await.unwrap();
    }
    let count =
        async |name: &str, keys: &[String]| redis.command(name).arg(keys).query::<u64>().await.unwrap();
    assert_eq!(count("EXISTS", &keys).await, 50);
    assert_eq!(count("TOUCH", &keys[..20]).await, 20);
    assert_eq!(count("UNLINK", &keys[..10]).await, 10);
    assert_eq!(redis.del(&keys[..20]).await.unwrap(), 10, "the others were gone");
    // A key that is named twice is there twice, and deleted once.
    let twice: Vec<String> = [&keys[30..40], &keys[30..40]].concat();
    assert_eq!(redis.exists(&twice).await.unwrap(), 20);
    assert_eq!(redis.del(&twice).await.unwrap(), 10);
    assert_eq!(redis.exists(&keys).await.unwrap(), 20);
    // Of one slot it is one command.
    redis.mset(&[("{t}a", 1), ("{t}b", 2)]).await.unwrap();
    assert_eq!(redis.del(&["{t}a", "{t}b", "{t}c"]).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_its_keys_together_is_refused_with_both_slots_and_what_to_do() {
    let cluster = start(3, 0).await;
    let redis = connect_patiently(&cluster.url(), |_| {}).await;
    let direct = connect_to(&cluster.nodes[0].url()).await;
    let (a, b) = (home_of(&direct, "a").await.0, home_of(&direct, "b").await.0);
    let words = format!("{a} and {b} among them");
    let ask = async |command: &str| {
        let mut words = command.split(' ');
        let name = words.next().unwrap();
        redis.command(name).arg(words.collect::<Vec<_>>()).query::<Value>().await
    };
    for command in [
        "MSET a 1 b 2",
        "MSETNX a 1 b 2",
        "RENAME a b",
        "SUNION a b",
        "SINTERSTORE a b",
        "ZUNIONSTORE a 1 b",
        "LMOVE a b LEFT LEFT",
        "BLPOP a b 1",
        "EVAL return{} 2 a b",
        "BITOP AND a b",
        "PFCOUNT a b",
        "XREAD STREAMS a b 0 0",
        "COPY a b",
    ] {
        is_refused(ask(command).await, &words);
        is_refused(ask(command).await, "give them one hash tag, as in `{user:1}:name`");
    }
    is_refused(ask("MSET a 1 b 2").await, "or set each by itself, several at once with `pipelined`");
    let across = redis.pipelined().command("SET").arg(&["a", "1"]).command("SET").arg(&["b", "2"]);
    is_refused(across.clone().atomic().query().await, &words);
    is_refused(redis.session_for(&["a", "b"]).await.map(|_| Value::Nil), &words);
    is_refused(redis.pipelined().command("DEL").arg(&["a", "b"]).query().await, "or send it by itself");
    assert_eq!(redis.exists(&["a", "b"]).await.unwrap(), 0, "nothing of all that was done");
    // What the refusal says to do.
    across.execute().await.unwrap();
    assert_eq!(redis.mget::<Vec<i64>>(&["a", "b"]).await.unwrap(), [1, 2]);
}

/// A command of a module, say, whose keys the client does not know, is refused by the server in the same words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_whose_keys_only_the_server_knows_is_refused_by_it() {
    let cluster = start(3, 0).await;
    let redis = connect_patiently(&cluster.url(), |_| {}).await;
    let sort = redis.command("SORT").arg(&["a", "STORE", "b"]);
    let error = sort.execute().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert!(error.to_string().contains("tag, as in `{user:1}:name`"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_in_part_says_that_it_may_have_been() {
    let mut cluster = start(3, 0).await;
    let redis: Redis = connect_patiently(&cluster.url(), |_| {}).await;
    let keys: Vec<String> = (0..50).map(|number| format!("key{number}")).collect();
    for key in &keys {
        redis.set(key, 1).await.unwrap();
    }
    cluster.nodes[2].kill();
    let error = redis.del(&keys).await.unwrap_err();
    assert!(error.may_have_executed(), "{error:?}");
    assert!(error.to_string().contains("the others may have been carried out"), "{error}");
}
