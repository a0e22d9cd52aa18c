use std::future::Future;
use std::time::Duration;

use redis::ToRedisArgs;
use seawall_core::Error;

use super::repeatable;
use super::strings::milliseconds;
use crate::Redis;

impl Redis {
    /// Deletes keys, and says how many there were.
    pub fn del(&self, keys: impl ToRedisArgs) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("DEL", |command| {
            command.arg(keys);
        });
        self.ask(request)
    }

    /// How many of these keys there are.
    pub fn exists(&self, keys: impl ToRedisArgs) -> impl Future<Output = Result<u64, Error>> + Send {
        let request = repeatable("EXISTS", |command| {
            command.arg(keys);
        });
        self.ask(request)
    }

    /// Has a key gone after so long, rounded up to milliseconds, and says whether there is one.
    pub fn expire(
        &self,
        key: impl ToRedisArgs,
        ttl: Duration,
    ) -> impl Future<Output = Result<bool, Error>> + Send {
        let request = repeatable("PEXPIRE", |command| {
            command.arg(key).arg(milliseconds(ttl));
        });
        self.ask(request)
    }

    /// Has a key stay, and says whether it would have gone.
    pub fn persist(&self, key: impl ToRedisArgs) -> impl Future<Output = Result<bool, Error>> + Send {
        let request = repeatable("PERSIST", |command| {
            command.arg(key);
        });
        self.ask(request)
    }

    /// How long a key has left; `None` if there is none, or if it stays.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn ttl(&self, key: impl ToRedisArgs) -> impl Future<Output = Result<Option<Duration>, Error>> + Send {
        let request = repeatable("PTTL", |command| {
            command.arg(key);
        });
        let answer = self.ask::<i64>(request);
        async move { answer.await.map(|millis| u64::try_from(millis).ok().map(Duration::from_millis)) }
    }
}
