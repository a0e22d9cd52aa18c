//! The table of commands, beside what a server says of its own.

use seawall_core::{FailureKind, Idempotency};
use seawall_redis::Request;
use seawall_redis::redis::{self, Cmd, Value};

use crate::support::connect;

fn request(words: &str) -> Request {
    let mut command = Cmd::new();
    for word in words.split(' ') {
        command.arg(word);
    }
    Request::command(command)
}

/// Name and flags of every command of the server.
async fn commands() -> Vec<(String, Vec<String>)> {
    let commands: Vec<Value> = connect().await.command("COMMAND").query().await.unwrap();
    let read = |command| {
        let Value::Array(fields) = command else { panic!("{command:?}") };
        let flags = match &fields[2] {
            Value::Array(flags) | Value::Set(flags) => flags.iter(),
            other => panic!("{other:?}"),
        };
        let flags = flags.map(|flag| redis::from_redis_value_ref(flag).unwrap()).collect();
        (redis::from_redis_value_ref::<String>(&fields[0]).unwrap().to_uppercase(), flags)
    };
    commands.into_iter().map(read).collect()
}

#[tokio::test]
async fn every_command_of_the_server_is_known_and_agrees_with_its_flags() {
    let commands = commands().await;
    assert!(commands.len() > 200, "{}", commands.len());
    for (name, flags) in commands {
        let has = |flag: &str| flags.iter().any(|one| one == flag);
        let request = request(&name);
        assert_eq!(request.name(), name, "the table does not know it");
        if request.idempotency() == Idempotency::Idempotent && !has("readonly") && has("write") {
            // These were looked at one by one.
            assert!(
                WRITES_THAT_MAY_BE_REPEATED.split_ascii_whitespace().any(|known| known == name),
                "{name}"
            );
        }
        if has("readonly") && !has("blocking") {
            assert_eq!(request.idempotency(), Idempotency::Idempotent, "{name} only reads");
        }
    }
}

const WRITES_THAT_MAY_BE_REPEATED: &str = "BITOP DEL GEOADD GEOSEARCHSTORE GETEX HDEL HMSET HSET LSET MSET PERSIST PFADD PFMERGE PSETEX SADD SDIFFSTORE SETBIT \
     SETEX SETRANGE SINTERSTORE SREM SUNIONSTORE UNLINK XACK XDEL ZDIFFSTORE ZINTERSTORE ZRANGESTORE ZREM ZREMRANGEBYLEX \
     ZREMRANGEBYSCORE ZUNIONSTORE EXPIRE EXPIREAT PEXPIRE PEXPIREAT SET ZADD";

/// Each of the commands above twice in a row leaves behind what it leaves behind once.
#[tokio::test]
async fn what_may_be_repeated_leaves_the_same_behind_twice_as_once() {
    for words in [
        "BITOP OR dst s1 s2",
        "DEL s1",
        "GEOADD geo 13 38 a",
        "GEOSEARCHSTORE dst geo FROMLONLAT 15 37 BYRADIUS 200 km",
        "GETEX s1 PERSIST",
        "HDEL h a",
        "HMSET h a 1",
        "HSET h a 2",
        "LSET l 0 x",
        "MSET s1 a s2 b",
        "PERSIST s1",
        "PFADD hll a",
        "PFMERGE dst2 hll",
        "PSETEX s1 100000 a",
        "SADD st x",
        "SDIFFSTORE dst st st2",
        "SETBIT s1 3 1",
        "SETEX s1 100 a",
        "SETRANGE s1 1 xyz",
        "SINTERSTORE dst st st2",
        "SREM st a",
        "SUNIONSTORE dst st st2",
        "UNLINK s1",
        "XDEL xs 1-1",
        "ZDIFFSTORE dst 2 z z2",
        "ZINTERSTORE dst 2 z z2",
        "ZRANGESTORE dst z 0 1",
        "ZREM z a",
        "ZREMRANGEBYLEX z - [a",
        "ZREMRANGEBYSCORE z 1 2",
        "ZUNIONSTORE dst 2 z z2",
        "EXPIREAT s1 4102444800",
        "PEXPIREAT s1 4102444800000",
        "SET s1 v",
        "ZADD z 5 a",
    ] {
        let redis = connect().await;
        for prepare in [
            "MSET s1 abc s2 def",
            "HSET h a 0 b 0",
            "RPUSH l a b",
            "SADD st a b",
            "SADD st2 b c",
            "ZADD z 1 a 2 b 3 c",
            "ZADD z2 2 b",
            "PFADD hll x",
            "GEOADD geo 15 37 b",
            "XADD xs 1-1 f v",
        ] {
            let _: Value = send(&redis, prepare).await;
        }
        let _: Value = send(&redis, words).await;
        let once = everything(&redis).await;
        let _: Value = send(&redis, words).await;
        assert_eq!(everything(&redis).await, once, "{words}");
        assert_eq!(request(words).idempotency(), Idempotency::Idempotent, "{words}");
    }
}

async fn send(redis: &seawall_redis::Redis, words: &str) -> Value {
    let mut words = words.split(' ');
    let command = redis.command(words.next().unwrap());
    command.arg(words.collect::<Vec<_>>()).query().await.unwrap()
}

async fn everything(redis: &seawall_redis::Redis) -> Vec<(String, Vec<u8>)> {
    let mut keys: Vec<String> = redis.command("KEYS").arg("*").query().await.unwrap();
    keys.sort();
    let mut all = Vec::new();
    for key in keys {
        let dump = redis.command("DUMP").arg(&key).query().await.unwrap();
        all.push((key, dump));
    }
    all
}

#[test]
fn options_decide_whether_a_command_may_be_repeated() {
    for (words, repeatable) in [
        ("set key value", true),
        ("SET key value PX 100", true),
        ("SET key NX", true),
        ("SET key value nx", false),
        ("SET key value PX 100 GET", false),
        ("ZADD key 1 member", true),
        ("ZADD key NX 1 member", false),
        ("ZADD key INCR 1 member", false),
        ("EXPIRE key 10", true),
        ("EXPIRE key 10 NX", false),
        ("INCR key", false),
        ("EVAL script 0", false),
        ("FT.SEARCH index query", false),
    ] {
        let said = request(words).idempotency() == Idempotency::Idempotent;
        assert_eq!(said, repeatable, "{words}");
    }
}

#[tokio::test]
async fn what_would_change_a_shared_connection_is_refused_with_a_word_on_what_to_use() {
    let redis = connect().await;
    for (words, instead) in [
        ("WATCH key", "session"),
        ("MULTI", "pipelined().atomic()"),
        ("SELECT 3", "session"),
        ("WAIT 1 0", "session"),
        ("CLIENT REPLY OFF", "session"),
        ("CLIENT TRACKING ON", "session"),
        ("MONITOR", "session"),
        ("subscribe channel", "subscribe"),
    ] {
        let mut words = words.split(' ');
        let command = redis.command(words.next().unwrap()).arg(words.collect::<Vec<_>>());
        let error = command.execute().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(!error.may_have_executed());
        assert!(error.to_string().contains(instead), "{error}");
    }
    let error = redis.pipelined().command("BLPOP").arg("a").arg(0).execute().await.unwrap_err();
    assert!(error.to_string().contains("would block"), "{error}");
    let error = redis.pipelined().command("SUBSCRIBE").arg("a").execute().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
}
