use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{ToRedisArgs, Value};
use seawall_core::{Error, FailureKind};

use super::claim::FIELDS;
use super::scripts::{CHECKPOINT, CLAIM, END};
use super::{Claim, Progress};
use crate::classify::LAYER;
use crate::client::read;
use crate::commands::milliseconds;
use crate::{Redis, Script};

/// Operations that processes share which use the same name over the same server.
///
/// ```no_run
/// # async fn example(redis: seawall_redis::Redis) -> Result<(), seawall_core::Error> {
/// use std::time::Duration;
/// use seawall_redis::{Claim, Operations};
///
/// let operations = Operations::new(&redis, "imports", Duration::from_secs(30), Duration::from_secs(86_400));
/// if let Claim::Ours(mut operation) = operations.claim("file-7", "worker-1").await? {
///     let begin = operation.done();
///     for line in begin..1000 {
///         // ... a step that may be repeated ...
///         if line % 100 == 0 {
///             operation.checkpoint(line, 1000, b"").await?;
///         }
///     }
///     operation.complete("1000 lines").await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Operations(Arc<Shared>);

struct Shared {
    redis: Redis,
    name: String,
    lease: Duration,
    retention: Duration,
    claim: Script,
    checkpoint: Script,
    end: Script,
}

impl Operations {
    /// A claim is believed for `lease` after its last checkpoint; what has ended is kept for `retention`.
    pub fn new(redis: &Redis, name: impl Into<String>, lease: Duration, retention: Duration) -> Self {
        let [checkpoint, end] = [CHECKPOINT, END].map(|code| Script::new(code).idempotent());
        // Claimed twice by the same owner it is still his, by a higher fence, which is the one he hears of.
        let claim = Script::new(CLAIM).idempotent();
        let redis = redis.clone();
        Self(Arc::new(Shared { redis, name: name.into(), lease, retention, claim, checkpoint, end }))
    }

    /// Takes an operation over, a new one or one whose owner was not heard of for as long as a lease; `owner` must be
    /// another for each process.
    ///
    /// # Errors
    /// As any call.
    pub async fn claim(&self, id: &str, owner: &str) -> Result<Claim, Error> {
        let Shared { redis, lease, claim, .. } = &*self.0;
        let call = claim.on(redis).key(&self.keys(id)).arg(owner).arg(milliseconds(*lease)).arg(id);
        let answer: Vec<Value> = call.query().await?;
        let mut answer = answer.into_iter();
        let mut next = || answer.next().unwrap_or_default();
        Ok(match read::<String>(next())?.as_str() {
            "ours" => {
                let progress: Progress = read(next())?;
                Claim::Ours(Operation { of: self.clone(), id: id.to_owned(), progress, version: 0 })
            }
            "taken" => Claim::Taken { by: read(next())?, retry_after: Duration::from_millis(read(next())?) },
            _ => Claim::Ended(read(next())?),
        })
    }

    /// How far an operation has come; `None` if there is none, or it has ended long ago.
    ///
    /// # Errors
    /// As any call.
    pub async fn progress(&self, id: &str) -> Result<Option<Progress>, Error> {
        let [hash, _] = self.keys(id);
        let fields: Value = self.0.redis.hmget(hash, &FIELDS).await?;
        match &fields {
            Value::Array(values) if values.first() == Some(&Value::Nil) => Ok(None),
            _ => read(fields).map(Some),
        }
    }

    /// Operations whose owners were not heard of for as long as a lease, the oldest first: to be claimed by somebody.
    ///
    /// # Errors
    /// As any call.
    pub async fn orphans(&self, limit: usize) -> Result<Vec<String>, Error> {
        let Shared { redis, .. } = &*self.0;
        let (seconds, micros): (u64, u64) = redis.command("TIME").query().await?;
        let now = seconds * 1000 + micros / 1000;
        let [_, running] = self.keys("");
        redis
            .command("ZRANGEBYSCORE")
            .arg(running)
            .arg(0)
            .arg(now)
            .arg("LIMIT")
            .arg(0)
            .arg(limit)
            .query()
            .await
    }

    /// The hash of an operation, and the list of those that run. In braces what decides the slot in a cluster, which has to
    /// be the same for both.
    fn keys(&self, id: &str) -> [String; 2] {
        let name = &self.0.name;
        [format!("{{{name}}}:operation:{id}"), format!("{{{name}}}:running")]
    }
}

/// An operation that is ours, until somebody else claims it because nothing was heard of us.
pub struct Operation {
    of: Operations,
    id: String,
    progress: Progress,
    version: u64,
}

impl Operation {
    /// Higher than that of every claim before: for whoever takes its writes, to refuse those of an owner who was replaced.
    pub const fn fence(&self) -> u64 {
        self.progress.fence
    }

    /// Units done by the last checkpoint.
    pub const fn done(&self) -> u64 {
        self.progress.done
    }

    /// The last checkpoint; empty if there is none.
    pub fn last_checkpoint(&self) -> &[u8] {
        &self.progress.checkpoint
    }

    /// Says how far it has come, and that it is still worked at.
    ///
    /// # Errors
    /// [`FailureKind::Refused`] if somebody else has claimed it: stop what you do. Otherwise as any call.
    pub async fn checkpoint(&mut self, done: u64, total: u64, checkpoint: &[u8]) -> Result<(), Error> {
        self.version += 1;
        let Shared { redis, lease, checkpoint: script, .. } = &*self.of.0;
        let call = script.on(redis).key(&self.of.keys(&self.id)).arg(self.fence()).arg(self.version);
        let call = call.arg(milliseconds(*lease)).arg(done).arg(total).arg(checkpoint).arg(&self.id);
        let written: bool = call.query().await?;
        self.check(written)?;
        self.progress.done = done;
        self.progress.total = total;
        self.progress.checkpoint = checkpoint.to_vec();
        Ok(())
    }

    /// Says that it is done, and what came out of it.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint).
    pub async fn complete(self, result: impl ToRedisArgs) -> Result<(), Error> {
        self.end("completed", result).await
    }

    /// Gives it up for good, and says why.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint).
    pub async fn fail(self, why: impl ToRedisArgs) -> Result<(), Error> {
        self.end("failed", why).await
    }

    async fn end(self, state: &str, result: impl ToRedisArgs) -> Result<(), Error> {
        let Shared { redis, retention, end, .. } = &*self.of.0;
        let call = end.on(redis).key(&self.of.keys(&self.id)).arg(self.fence()).arg(state);
        let call = call.arg(milliseconds(*retention)).arg(result).arg(&self.id);
        let ended: bool = call.query().await?;
        self.check(ended)
    }

    fn check(&self, ours: bool) -> Result<(), Error> {
        if ours {
            return Ok(());
        }
        Err(Error::new(FailureKind::Refused, LAYER, self.id.clone())
            .not_executed()
            .with_message("somebody else has claimed the operation, or it has ended"))
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("id", &self.id)
            .field("fence", &self.fence())
            .field("done", &self.done())
            .finish_non_exhaustive()
    }
}
