use std::fmt;
use std::sync::Arc;

use redis::ToRedisArgs;
use seawall_core::{Error, FailureKind};

use super::writer::{Checkpoint, Writer};
use super::{Operations, Progress};
use crate::classify::LAYER;
use crate::commands::milliseconds;

/// An operation that is ours, until somebody else claims it because nothing was heard of us.
///
/// Dropped, it stays where its last checkpoint says: one that was not written yet is written in the background, if there
/// is a runtime to do it.
pub struct Operation {
    of: Operations,
    id: Arc<str>,
    progress: Progress,
    writer: Arc<Writer>,
}

impl Operation {
    pub(super) fn new(of: &Operations, id: &str, progress: Progress) -> Self {
        let (of, id) = (of.clone(), Arc::<str>::from(id));
        let writer = Arc::new(Writer::new(of.clone(), Arc::clone(&id), progress.fence));
        Self { of, id, progress, writer }
    }

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

    /// Says how far it has come, and that it is still worked at. With a
    /// [`checkpoint_interval`](Operations::checkpoint_interval) it may be written later.
    ///
    /// # Errors
    /// [`FailureKind::Refused`] if somebody else has claimed it: stop what you do. Otherwise as any call, and then it is
    /// written with the next.
    pub async fn checkpoint(&mut self, done: u64, total: u64, checkpoint: &[u8]) -> Result<(), Error> {
        let is_last = total != 0 && done >= total;
        let made = Checkpoint { done, total, bytes: checkpoint.into() };
        self.progress.done = done;
        self.progress.total = total;
        self.progress.checkpoint = checkpoint.to_vec();
        self.writer.take(made, is_last).await
    }

    /// Writes the last checkpoint now, if it is not written yet.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint).
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush().await
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
        // How far it has come is known of one that has ended, too.
        self.writer.flush().await?;
        let super::store::Shared { redis, retention, end, .. } = &*self.of.0;
        let call = end.on(redis).key(&self.of.keys(&self.id)).arg(self.fence()).arg(state);
        let call = call.arg(milliseconds(*retention)).arg(result).arg(&*self.id);
        let ended: bool = call.query().await?;
        if ended { Ok(()) } else { Err(not_ours(&self.id)) }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.writer.flush_in_background();
    }
}

pub(super) fn not_ours(id: &str) -> Error {
    Error::new(FailureKind::Refused, LAYER, id.to_owned())
        .not_executed()
        .with_message("somebody else has claimed the operation, or it has ended")
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
