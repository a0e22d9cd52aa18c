use redis::{ErrorKind, FromRedisValue, RedisError, ServerErrorKind, ToRedisArgs};
use seawall_core::{Error, Idempotency};

use crate::{Redis, Request};

/// A script that the server runs as one, without others in between.
///
/// It is sent by its hash, and as a whole only when the server does not know it (yet, or any more).
///
/// ```no_run
/// # async fn example(redis: seawall_redis::Redis) -> Result<(), seawall_core::Error> {
/// use seawall_redis::Script;
///
/// let add = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
/// let sum: i64 = add.on(&redis).key("visits").arg(2).query().await?;
/// # let _ = sum;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    known: redis::Script,
    code: std::sync::Arc<str>,
    idempotency: Idempotency,
}

impl Script {
    /// A script in Lua. It must name every key it touches among its keys.
    pub fn new(code: &str) -> Self {
        Self { known: redis::Script::new(code), code: code.into(), idempotency: Idempotency::NotIdempotent }
    }

    /// Says that executing it twice does the same as executing it once, so that it may be retried.
    pub fn idempotent(mut self) -> Self {
        self.idempotency = Idempotency::Idempotent;
        self
    }

    /// Its hash, by which the server knows it.
    pub fn hash(&self) -> &str {
        self.known.get_hash()
    }

    /// Begins a call of it.
    pub fn on<'a>(&'a self, redis: &'a Redis) -> ScriptCall<'a> {
        ScriptCall { script: self, redis, keys: Vec::new(), arguments: Vec::new() }
    }
}

/// A call of a [`Script`] being put together.
#[derive(Debug)]
#[must_use = "a script does nothing until it is queried"]
pub struct ScriptCall<'a> {
    script: &'a Script,
    redis: &'a Redis,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl ScriptCall<'_> {
    /// Adds a key, or several.
    pub fn key(mut self, key: impl ToRedisArgs) -> Self {
        self.keys.extend(key.to_redis_args());
        self
    }

    /// Adds an argument, or several.
    pub fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.arguments.extend(argument.to_redis_args());
        self
    }

    /// Runs it, and reads the answer as a `T`.
    ///
    /// # Errors
    /// As [`Command::query`](crate::Command::query). A script that fails half-way undoes nothing.
    pub async fn query<T: FromRedisValue>(self) -> Result<T, Error> {
        match self.redis.ask(self.request("EVALSHA", self.script.hash())).await {
            Err(error) if is_unknown(&error) => self.redis.ask(self.request("EVAL", &self.script.code)).await,
            answer => answer,
        }
    }

    fn request(&self, name: &str, script: &str) -> Request {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        Request::command(command).with_idempotency(self.script.idempotency)
    }
}

/// Whether the server does not know the script; then it has done nothing.
fn is_unknown(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<RedisError>());
    cause.is_some_and(|cause| cause.kind() == ErrorKind::Server(ServerErrorKind::NoScript))
}
