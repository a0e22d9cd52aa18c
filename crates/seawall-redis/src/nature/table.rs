//! The commands by class. `tests/it/nature.rs` compares it with what a server says of its own commands.

use std::collections::HashMap;
use std::sync::LazyLock;

use seawall_core::Idempotency;

use super::{Lane, Nature};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It changes nothing.
    Reads,
    /// It changes nothing, and may work for long.
    ReadsSlowly,
    /// Executed twice, it leaves behind what it leaves behind once.
    Writes,
    /// Executed twice, it does more than once.
    WritesOnce,
    /// The same, and it may work for long.
    WorksSlowly,
    /// It blocks for as long as its first argument says.
    BlocksByFirst,
    /// It blocks for as long as its last argument says.
    BlocksByLast,
    /// Its other arguments decide.
    ByArguments,
    /// It changes the connection it is sent over, or asks about it.
    OfSession,
    /// It turns the connection into one that listens.
    Listens,
}

/// Of a command that is in no list.
pub(super) const UNKNOWN: Class = Class::WritesOnce;

const TABLE: [(Class, &str); 10] = [
    (
        Class::Reads,
        "BITCOUNT BITFIELD_RO BITPOS COMMAND DBSIZE DUMP ECHO EXISTS EXPIRETIME GEODIST GEOHASH GEOPOS GEORADIUSBYMEMBER_RO \
         GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE HEXISTS HEXPIRETIME HGET HGETALL HKEYS HLEN HMGET HPEXPIRETIME HPTTL \
         HRANDFIELD HSCAN HSTRLEN HTTL HVALS INFO LASTSAVE LINDEX LLEN LOLWUT LPOS LRANGE MGET OBJECT PEXPIRETIME PFCOUNT \
         PING PTTL PUBSUB RANDOMKEY ROLE SCAN SCARD SDIFF SINTER SINTERCARD SISMEMBER SLOWLOG SMEMBERS SMISMEMBER \
         SRANDMEMBER SSCAN STRLEN SUBSTR SUNION TIME TOUCH TTL TYPE XINFO XLEN XPENDING XRANGE XREVRANGE ZCARD ZCOUNT \
         ZDIFF ZINTER ZINTERCARD ZLEXCOUNT ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE \
         ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION",
    ),
    (Class::ReadsSlowly, "EVALSHA_RO EVAL_RO FCALL_RO KEYS LCS MEMORY SORT_RO"),
    (
        Class::Writes,
        "BITOP DEL GEOADD GEOSEARCHSTORE GETEX HDEL HMSET HSET LSET MSET PERSIST PFADD PFMERGE PSETEX SADD SDIFFSTORE SETBIT \
         SETEX SETRANGE SINTERSTORE SREM SUNIONSTORE UNLINK XACK XDEL ZDIFFSTORE ZINTERSTORE ZRANGESTORE ZREM \
         ZREMRANGEBYLEX ZREMRANGEBYSCORE ZUNIONSTORE",
    ),
    (
        Class::WritesOnce,
        "ACL APPEND BGREWRITEAOF BGSAVE BITFIELD CLUSTER CONFIG COPY DECR DECRBY GEORADIUS GEORADIUSBYMEMBER GETDEL GETSET \
         HEXPIRE HEXPIREAT HGETDEL HGETEX HINCRBY HINCRBYFLOAT HPERSIST HPEXPIRE HPEXPIREAT HSETEX HSETNX INCR INCRBY \
         INCRBYFLOAT LATENCY LINSERT LMOVE LMPOP LPOP LPUSH LPUSHX LREM LTRIM MODULE MOVE MSETNX PFDEBUG PFSELFTEST PUBLISH \
         RENAME RENAMENX REPLICAOF RPOP RPOPLPUSH RPUSH RPUSHX SETNX SLAVEOF SMOVE SPOP SPUBLISH SWAPDB XACKDEL XADD \
         XAUTOCLAIM XCLAIM XDELEX XGROUP XSETID XTRIM ZINCRBY ZMPOP ZPOPMAX ZPOPMIN ZREMRANGEBYRANK",
    ),
    (
        Class::WorksSlowly,
        "DEBUG EVAL EVALSHA FAILOVER FCALL FLUSHALL FLUSHDB FUNCTION MIGRATE RESTORE RESTORE-ASKING SAVE SCRIPT SHUTDOWN SORT",
    ),
    (Class::BlocksByFirst, "BLMPOP BZMPOP"),
    (Class::BlocksByLast, "BLMOVE BLPOP BRPOP BRPOPLPUSH BZPOPMAX BZPOPMIN"),
    (Class::ByArguments, "CLIENT EXPIRE EXPIREAT PEXPIRE PEXPIREAT SET XREAD XREADGROUP ZADD"),
    (
        Class::OfSession,
        "ASKING AUTH DISCARD EXEC HELLO MONITOR MULTI PSYNC QUIT READONLY READWRITE REPLCONF RESET SELECT SYNC UNWATCH WAIT \
         WAITAOF WATCH",
    ),
    (Class::Listens, "PSUBSCRIBE PUNSUBSCRIBE SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE UNSUBSCRIBE"),
];

/// Those that read, and that only the server they were meant for can answer: it speaks of itself, counts what it is asked,
/// keeps the script, or goes on from a cursor.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
const OF_ONE_SERVER: [&str; 21] = [
    "COMMAND",
    "DBSIZE",
    "ECHO",
    "EVALSHA_RO",
    "HSCAN",
    "INFO",
    "KEYS",
    "LASTSAVE",
    "LOLWUT",
    "MEMORY",
    "OBJECT",
    "PING",
    "PUBSUB",
    "RANDOMKEY",
    "ROLE",
    "SCAN",
    "SLOWLOG",
    "SSCAN",
    "TIME",
    "TOUCH",
    "ZSCAN",
];

/// Whether a replica answers a command as its primary would, but for what it has not heard of yet.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(crate) fn is_read(name: &str) -> bool {
    let class = find(name.as_bytes()).map(|(_, class)| class);
    matches!(class, Some(Class::Reads | Class::ReadsSlowly)) && !OF_ONE_SERVER.contains(&name)
}

/// The class of a command, and its name in capitals.
pub(super) fn find(name: &[u8]) -> Option<(&'static str, Class)> {
    static BY_NAME: LazyLock<HashMap<&'static [u8], (&'static str, Class)>> = LazyLock::new(|| {
        let named = |(class, names): (Class, &'static str)| {
            names.split_ascii_whitespace().map(move |name| (name.as_bytes(), (name, class)))
        };
        TABLE.into_iter().flat_map(named).collect()
    });
    if let Some(found) = BY_NAME.get(name) {
        return Some(*found);
    }
    BY_NAME.get(name.to_ascii_uppercase().as_slice()).copied()
}

impl Class {
    pub(super) fn nature(self, name: &'static str) -> Nature {
        let lane = match self {
            Self::Reads | Self::Writes | Self::WritesOnce | Self::ByArguments => Lane::Shared,
            Self::ReadsSlowly | Self::WorksSlowly => Lane::Slow,
            Self::BlocksByFirst | Self::BlocksByLast => Lane::Blocking(None),
            Self::OfSession => Lane::Session,
            Self::Listens => Lane::Subscription,
        };
        let idempotency = match self {
            Self::Reads | Self::ReadsSlowly | Self::Writes => Idempotency::Idempotent,
            // Reading of a stream changes nothing; reading for a group does.
            Self::ByArguments if name == "XREAD" => Idempotency::Idempotent,
            _ => Idempotency::NotIdempotent,
        };
        Nature { name, lane, idempotency, at_primary: false }
    }
}
