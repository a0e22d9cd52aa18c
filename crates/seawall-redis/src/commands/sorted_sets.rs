use std::future::Future;

use redis::{FromRedisValue, ToRedisArgs};
use seawall_core::Error;

use super::{once, repeatable};
use crate::Redis;

impl Redis {
    /// Gives a member its score, and says whether it is new.
    pub fn zadd(
        &self,
        key: impl ToRedisArgs,
        score: f64,
        member: impl ToRedisArgs,
    ) -> impl Future<Output = Result<bool, Error>> + Send {
        let request = repeatable("ZADD", |command| {
            command.arg(key).arg(score).arg(member);
        });
        self.ask(request)
    }

    /// Adds to the score of a member, and returns the sum. Not repeated once it may have been executed.
    pub fn zincr(
        &self,
        key: impl ToRedisArgs,
        by: f64,
        member: impl ToRedisArgs,
    ) -> impl Future<Output = Result<f64, Error>> + Send {
        let request = once("ZINCRBY", |command| {
            command.arg(key).arg(by).arg(member);
        });
        self.ask(request)
    }

    /// Removes members, and says how many there were.
    pub fn zrem(
        &self,
        key: impl ToRedisArgs,
        members: impl ToRedisArgs,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("ZREM", |command| {
            command.arg(key).arg(members);
        });
        self.ask(request)
    }

    /// The score of a member, if there is one.
    pub fn zscore(
        &self,
        key: impl ToRedisArgs,
        member: impl ToRedisArgs,
    ) -> impl Future<Output = Result<Option<f64>, Error>> + Send {
        let request = repeatable("ZSCORE", |command| {
            command.arg(key).arg(member);
        });
        self.ask(request)
    }

    /// The members from one rank to another, both included, lowest score first; the last one is at -1.
    pub fn zrange<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
        from: i64,
        to: i64,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = repeatable("ZRANGE", |command| {
            command.arg(key).arg(from).arg(to);
        });
        self.ask(request)
    }

    /// The members whose scores are from `low` to `high`, both included.
    pub fn zrange_by_score<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
        low: f64,
        high: f64,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = repeatable("ZRANGEBYSCORE", |command| {
            command.arg(key).arg(low).arg(high);
        });
        self.ask(request)
    }

    /// How many members there are.
    pub fn zcard(&self, key: impl ToRedisArgs) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("ZCARD", |command| {
            command.arg(key);
        });
        self.ask(request)
    }
}
