use std::future::Future;
use std::time::Duration;

use redis::{FromRedisValue, ToRedisArgs};
use seawall_core::Error;

use super::{once, repeatable};
use crate::Redis;

impl Redis {
    /// Puts values in front of a list, one after the other, and says how long it is then. Not repeated once it may have been executed.
    pub fn lpush(
        &self,
        key: impl ToRedisArgs,
        values: impl ToRedisArgs,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = once("LPUSH", |command| {
            command.arg(key).arg(values);
        });
        self.ask(request)
    }

    /// Puts values behind a list, and says how long it is then. Not repeated once it may have been executed.
    pub fn rpush(
        &self,
        key: impl ToRedisArgs,
        values: impl ToRedisArgs,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = once("RPUSH", |command| {
            command.arg(key).arg(values);
        });
        self.ask(request)
    }

    /// Takes the first value of a list: read an `Option`. Not repeated once it may have been executed.
    pub fn lpop<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = once("LPOP", |command| {
            command.arg(key);
        });
        self.ask(request)
    }

    /// Takes the last value of a list: read an `Option`. Not repeated once it may have been executed.
    pub fn rpop<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = once("RPOP", |command| {
            command.arg(key);
        });
        self.ask(request)
    }

    /// The values from one place to another, both included; the last one is at -1.
    pub fn lrange<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
        from: i64,
        to: i64,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = repeatable("LRANGE", |command| {
            command.arg(key).arg(from).arg(to);
        });
        self.ask(request)
    }

    /// How long a list is.
    pub fn llen(&self, key: impl ToRedisArgs) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("LLEN", |command| {
            command.arg(key);
        });
        self.ask(request)
    }

    /// Takes the first value of the first of these lists that has one, and waits for it so long at most (zero is for
    /// ever). It waits on a connection of its own. Says which list it was.
    ///
    /// A value that was taken for a call that gave up is lost: where that matters, move it with `BLMOVE`, or use a stream.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn blpop<T: FromRedisValue>(
        &self,
        keys: impl ToRedisArgs,
        wait: Duration,
    ) -> Result<Option<(String, T)>, Error> {
        let mut command = redis::cmd("BLPOP");
        command.arg(keys).arg(wait.as_secs_f64());
        self.ask(crate::Request::command(command)).await
    }
}
