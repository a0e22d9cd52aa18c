use std::future::Future;
use std::time::Duration;

use redis::{FromRedisValue, ToRedisArgs};
use seawall_core::Error;

use super::{once, repeatable};
use crate::Redis;

/// How a value is set: by default for ever, whether there is one or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetOptions {
    /// The value is gone after so long. Rounded up to milliseconds.
    pub ttl: Option<Duration>,
    /// A value that is there keeps the time it has left.
    pub keep_ttl: bool,
    /// Only if there is none (`Some(false)`), or only if there is one (`Some(true)`).
    pub if_exists: Option<bool>,
}

impl Redis {
    /// The value of a key: read an `Option` if there may be none.
    ///
    /// # Errors
    /// As [`Command::query`](crate::Command::query); so have all commands here.
    pub fn get<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = repeatable("GET", |command| {
            command.arg(key);
        });
        self.ask(request)
    }

    /// Sets the value of a key, for ever.
    pub fn set(
        &self,
        key: impl ToRedisArgs,
        value: impl ToRedisArgs,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let request = repeatable("SET", |command| {
            command.arg(key).arg(value);
        });
        self.ask(request)
    }

    /// Sets the value of a key, and says whether it was set. With [`if_exists`](SetOptions::if_exists) it is not
    /// repeated once it may have been executed: the second answer would deny what the first has done.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn set_with(
        &self,
        key: impl ToRedisArgs,
        value: impl ToRedisArgs,
        options: SetOptions,
    ) -> impl Future<Output = Result<bool, Error>> + Send {
        let arguments = |command: &mut redis::Cmd| {
            command.arg(key).arg(value);
            if let Some(ttl) = options.ttl {
                command.arg("PX").arg(milliseconds(ttl));
            }
            if options.keep_ttl {
                command.arg("KEEPTTL");
            }
            if let Some(exists) = options.if_exists {
                command.arg(if exists { "XX" } else { "NX" });
            }
        };
        let request =
            if options.if_exists.is_some() { once("SET", arguments) } else { repeatable("SET", arguments) };
        let answer = self.ask::<Option<()>>(request);
        async move { answer.await.map(|set| set.is_some()) }
    }

    /// The values of several keys, in their order: read a list of `Option`s.
    pub fn mget<T: FromRedisValue>(
        &self,
        keys: impl ToRedisArgs,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = repeatable("MGET", |command| {
            command.arg(keys);
        });
        self.ask(request)
    }

    /// Sets several keys at once: a list of pairs.
    pub fn mset(&self, pairs: impl ToRedisArgs) -> impl Future<Output = Result<(), Error>> + Send {
        let request = repeatable("MSET", |command| {
            command.arg(pairs);
        });
        self.ask(request)
    }

    /// Adds to a number, and returns the sum. Not repeated once it may have been executed.
    pub fn incr(&self, key: impl ToRedisArgs, by: i64) -> impl Future<Output = Result<i64, Error>> + Send {
        let request = once("INCRBY", |command| {
            command.arg(key).arg(by);
        });
        self.ask(request)
    }

    /// Takes a value out. Not repeated once it may have been executed.
    pub fn getdel<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = once("GETDEL", |command| {
            command.arg(key);
        });
        self.ask(request)
    }
}

/// Rounded up, because zero is no time to live.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).clamp(1, i64::MAX as u64)
}
