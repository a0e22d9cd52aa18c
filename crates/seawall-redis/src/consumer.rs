use std::collections::HashMap;
use std::time::Duration;

use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};
use redis::{FromRedisValue, Value};
use seawall_core::Error;

use crate::classify;
use crate::client::read;
use crate::{Redis, Request};

/// A member of a consumer group of a stream: each entry goes to one member, and stays with it until it is acknowledged.
///
/// Every entry is delivered at least once. One whose answer was lost on the way is delivered again to the same member,
/// and one that a member has kept for longer than [`claim_after`](Self::claim_after) goes to another: make what is done
/// with it repeatable.
///
/// ```no_run
/// # async fn example(redis: seawall_redis::Redis) -> Result<(), seawall_core::Error> {
/// let mut consumer = redis.consumer("orders", "billing", "worker-1").await?;
/// loop {
///     for entry in consumer.next().await? {
///         let amount: i64 = entry.field("amount")?;
///         println!("{} {amount}", entry.id());
///         consumer.ack([entry.id()]).await?;
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Consumer {
    redis: Redis,
    stream: String,
    group: String,
    name: String,
    count: usize,
    wait: Duration,
    claim_after: Duration,
    /// The last entry of its own that it has seen again; `None` once it has seen all of them.
    seen_again: Option<String>,
}

impl Redis {
    /// Joins a consumer group of a stream, both of which are made if they are not there; a new group begins with the
    /// stream's first entry. `name` tells this member from the others, and finds what it had when it comes back.
    ///
    /// # Errors
    /// As any call.
    pub async fn consumer(
        &self,
        stream: impl Into<String>,
        group: impl Into<String>,
        name: impl Into<String>,
    ) -> Result<Consumer, Error> {
        let (stream, group, name) = (stream.into(), group.into(), name.into());
        let create = self.command("XGROUP").arg("CREATE").arg(&stream).arg(&group).arg("0").arg("MKSTREAM");
        // To make it twice is as good as once, which is what its error says.
        match create.idempotent().execute().await {
            Err(error) if classify::code_of(&error) != Some("BUSYGROUP") => return Err(error),
            _ => {}
        }
        Ok(Consumer {
            redis: self.clone(),
            stream,
            group,
            name,
            count: 32,
            wait: Duration::from_secs(5),
            claim_after: Duration::from_mins(5),
            seen_again: Some("0".to_owned()),
        })
    }
}

impl Consumer {
    /// Takes at most so many entries at a time. Default 32.
    pub fn count(mut self, count: usize) -> Self {
        self.count = count.max(1);
        self
    }

    /// Waits so long for new entries before it looks at what others have left. Default 5 s.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait.max(Duration::from_millis(1));
        self
    }

    /// Takes over what another member has kept for longer. Default 5 min.
    pub fn claim_after(mut self, idle: Duration) -> Self {
        self.claim_after = idle;
        self
    }

    /// The next entries: first those it was given earlier and has not acknowledged, then those that others have kept for
    /// too long, then new ones. None came if the list is empty.
    ///
    /// Cancel safe: what was on its way is given to this member again.
    ///
    /// # Errors
    /// As any call. Call it again: what was on its way is given to this member again.
    pub async fn next(&mut self) -> Result<Vec<Entry>, Error> {
        if let Some(after) = self.seen_again.clone() {
            let entries = self.read(&after, false).await?;
            self.seen_again = entries.last().map(|entry| entry.id.clone());
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        let claimed = self.claim().await?;
        if !claimed.is_empty() {
            return Ok(claimed);
        }
        // Until the answer is here, nobody knows what was given to us.
        self.seen_again = Some("0".to_owned());
        let entries = self.read(">", true).await?;
        self.seen_again = None;
        Ok(entries)
    }

    /// Says that entries were dealt with, and returns how many were still open.
    ///
    /// # Errors
    /// As any call.
    pub async fn ack<'i>(&self, ids: impl IntoIterator<Item = &'i str>) -> Result<u64, Error> {
        let ids: Vec<&str> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(0);
        }
        self.redis.command("XACK").arg(&self.stream).arg(&self.group).arg(ids).query().await
    }

    async fn read(&self, after: &str, wait: bool) -> Result<Vec<Entry>, Error> {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(&self.group).arg(&self.name).arg("COUNT").arg(self.count);
        if wait {
            command.arg("BLOCK").arg(u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX));
        }
        command.arg("STREAMS").arg(&self.stream).arg(after);
        let reply: Option<StreamReadReply> = self.redis.ask(Request::command(command)).await?;
        let keys = reply.map(|reply| reply.keys).unwrap_or_default();
        Ok(keys.into_iter().flat_map(|key| key.ids).map(Entry::from).collect())
    }

    async fn claim(&self) -> Result<Vec<Entry>, Error> {
        let idle = u64::try_from(self.claim_after.as_millis()).unwrap_or(u64::MAX);
        let claim = self.redis.command("XAUTOCLAIM").arg(&self.stream).arg(&self.group).arg(&self.name);
        // Claimed twice by the same member, an entry is still the same member's.
        let claim = claim.arg(idle).arg("0").arg("COUNT").arg(self.count).idempotent();
        let reply: StreamAutoClaimReply = claim.query().await?;
        Ok(reply.claimed.into_iter().map(Entry::from).collect())
    }
}

/// An entry of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    id: String,
    fields: HashMap<String, Value>,
}

impl Entry {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A field as a `T`: read an `Option` if there may be none.
    ///
    /// # Errors
    /// If it is no `T`, which nothing is not unless `T` is an `Option`.
    pub fn field<T: FromRedisValue>(&self, name: &str) -> Result<T, Error> {
        read(self.fields.get(name).cloned().unwrap_or(Value::Nil))
    }
}

impl From<StreamId> for Entry {
    fn from(entry: StreamId) -> Self {
        Self { id: entry.id, fields: entry.map }
    }
}
