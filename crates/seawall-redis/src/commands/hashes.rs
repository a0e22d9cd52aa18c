use std::future::Future;

use redis::{FromRedisValue, ToRedisArgs};
use seawall_core::Error;

use super::{once, repeatable};
use crate::Redis;

impl Redis {
    /// The value of a field: read an `Option` if there may be none.
    pub fn hget<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
        field: impl ToRedisArgs,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = repeatable("HGET", |command| {
            command.arg(key).arg(field);
        });
        self.ask(request)
    }

    /// The values of several fields, in their order: read a list of `Option`s.
    pub fn hmget<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
        fields: impl ToRedisArgs,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = repeatable("HMGET", |command| {
            command.arg(key).arg(fields);
        });
        self.ask(request)
    }

    /// All fields and values: read a map.
    pub fn hgetall<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = repeatable("HGETALL", |command| {
            command.arg(key);
        });
        self.ask(request)
    }

    /// Sets fields, given as a map or as a list of pairs, and says how many are new.
    pub fn hset(
        &self,
        key: impl ToRedisArgs,
        fields: impl ToRedisArgs,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("HSET", |command| {
            command.arg(key).arg(fields);
        });
        self.ask(request)
    }

    /// Deletes fields, and says how many there were.
    pub fn hdel(
        &self,
        key: impl ToRedisArgs,
        fields: impl ToRedisArgs,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("HDEL", |command| {
            command.arg(key).arg(fields);
        });
        self.ask(request)
    }

    /// Adds to the number in a field, and returns the sum. Not repeated once it may have been executed.
    pub fn hincr(
        &self,
        key: impl ToRedisArgs,
        field: impl ToRedisArgs,
        by: i64,
    ) -> impl Future<Output = Result<i64, Error>> + Send {
        let request = once("HINCRBY", |command| {
            command.arg(key).arg(field).arg(by);
        });
        self.ask(request)
    }

    /// How many fields there are.
    pub fn hlen(&self, key: impl ToRedisArgs) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("HLEN", |command| {
            command.arg(key);
        });
        self.ask(request)
    }
}
