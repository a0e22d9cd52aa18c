use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use seawall_core::Error;

use super::claim::FIELDS;
use super::scripts::{CHECKPOINT, CLAIM, END};
use super::{Claim, Operation, Progress};
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
pub struct Operations(pub(super) Arc<Shared>);

#[derive(Clone)]
pub(super) struct Shared {
    pub(super) redis: Redis,
    name: String,
    pub(super) lease: Duration,
    pub(super) retention: Duration,
    /// The time between two checkpoints that are written.
    pub(super) interval: Duration,
    claim: Script,
    pub(super) checkpoint: Script,
    pub(super) end: Script,
}

impl Operations {
    /// A claim is believed for `lease` after its last checkpoint; what has ended is kept for `retention`.
    pub fn new(redis: &Redis, name: impl Into<String>, lease: Duration, retention: Duration) -> Self {
        let [checkpoint, end] = [CHECKPOINT, END].map(|code| Script::new(code).idempotent());
        // Claimed twice by the same owner it is still his, by a higher fence, which is the one he hears of.
        let claim = Script::new(CLAIM).idempotent();
        let (redis, name, interval) = (redis.clone(), name.into(), Duration::ZERO);
        Self(Arc::new(Shared { redis, name, lease, retention, interval, claim, checkpoint, end }))
    }

    /// Writes at most one checkpoint of an operation in each `interval`, however many are made: the newest, when the
    /// interval is over, in the background. The first of a claim and one that is the last (`done` has reached `total`)
    /// are written at once, and what was not written yet is when the operation ends or is dropped. By default each is written
    /// when it is made.
    ///
    /// Then what a process had done that ended suddenly may have come one interval further than is known, and that
    /// somebody else has claimed the operation is told by one of the checkpoints after. An interval is cut to a third of
    /// the lease, which checkpoints renew.
    pub fn checkpoint_interval(self, interval: Duration) -> Self {
        let interval = interval.min(self.0.lease / 3);
        Self(Arc::new(Shared { interval, ..Shared::clone(&self.0) }))
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
                Claim::Ours(Operation::new(self, id, progress))
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
        let fields: Value = self.0.redis.command("HMGET").arg(hash).arg(&FIELDS).at_primary().query().await?;
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
            .at_primary()
            .query()
            .await
    }

    /// The hash of an operation, and the list of those that run. In braces what decides the slot in a cluster, which has to
    /// be the same for both.
    pub(super) fn keys(&self, id: &str) -> [String; 2] {
        let name = &self.0.name;
        [format!("{{{name}}}:operation:{id}"), format!("{{{name}}}:running")]
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").field("name", &self.0.name).finish_non_exhaustive()
    }
}
