use std::future::Future;

use redis::{FromRedisValue, ToRedisArgs};
use seawall_core::Error;

use super::repeatable;
use crate::Redis;

impl Redis {
    /// Adds members to a set, and says how many are new.
    pub fn sadd(
        &self,
        key: impl ToRedisArgs,
        members: impl ToRedisArgs,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("SADD", |command| {
            command.arg(key).arg(members);
        });
        self.ask(request)
    }

    /// Removes members from a set, and says how many there were.
    pub fn srem(
        &self,
        key: impl ToRedisArgs,
        members: impl ToRedisArgs,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("SREM", |command| {
            command.arg(key).arg(members);
        });
        self.ask(request)
    }

    /// All members of a set.
    pub fn smembers<T: FromRedisValue>(
        &self,
        key: impl ToRedisArgs,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let request = repeatable("SMEMBERS", |command| {
            command.arg(key);
        });
        self.ask(request)
    }

    /// Whether a set has this member.
    pub fn sismember(
        &self,
        key: impl ToRedisArgs,
        member: impl ToRedisArgs,
    ) -> impl Future<Output = Result<bool, Error>> + Send {
        let request = repeatable("SISMEMBER", |command| {
            command.arg(key).arg(member);
        });
        self.ask(request)
    }

    /// How many members a set has.
    pub fn scard(&self, key: impl ToRedisArgs) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("SCARD", |command| {
            command.arg(key);
        });
        self.ask(request)
    }
}
