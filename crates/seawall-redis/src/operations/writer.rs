use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seawall_core::{CallContext, Error};
use tokio::time::Instant;

use super::Operations;
use super::operation::not_ours;
use super::store::Shared;
use crate::commands::milliseconds;

/// Writes the checkpoints of one claim: the newest, and not more often than was asked for.
pub(super) struct Writer {
    of: Operations,
    id: Arc<str>,
    fence: u64,
    state: Mutex<State>,
    /// Held while one is written, so that none overtakes another.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
pub(super) struct Checkpoint {
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) bytes: Box<[u8]>,
}

#[derive(Default)]
struct State {
    /// How many were made.
    version: u64,
    /// The newest that is not known to be written. It stays here until it is, whoever gives up waiting for that.
    unwritten: Option<Checkpoint>,
    last_write: Option<Instant>,
    /// Whether a task waits for the interval to be over.
    is_scheduled: bool,
    /// Whether somebody else has claimed the operation, or it has ended.
    is_lost: bool,
}

impl Writer {
    pub(super) fn new(of: Operations, id: Arc<str>, fence: u64) -> Self {
        Self { of, id, fence, state: Mutex::default(), writing: tokio::sync::Mutex::new(()) }
    }

    /// Takes a checkpoint, and writes it, now or later.
    pub(super) async fn take(self: &Arc<Self>, made: Checkpoint, is_last: bool) -> Result<(), Error> {
        let due = {
            let mut state = self.state();
            if state.is_lost {
                return Err(not_ours(&self.id));
            }
            state.version += 1;
            state.unwritten = Some(made);
            let due = state.last_write.map(|last| last + self.of.0.interval);
            let due = due.filter(|due| !is_last && Instant::now() < *due);
            if due.is_some() && std::mem::replace(&mut state.is_scheduled, true) {
                return Ok(());
            }
            due
        };
        match due {
            None => self.flush().await,
            Some(due) => {
                let writer = Arc::clone(self);
                tokio::spawn(async move {
                    tokio::time::sleep_until(due).await;
                    writer.state().is_scheduled = false;
                    writer.flush_and_log().await;
                });
                Ok(())
            }
        }
    }

    /// Writes the newest checkpoint, unless it is written.
    pub(super) async fn flush(&self) -> Result<(), Error> {
        let _alone = self.writing.lock().await;
        let (version, unwritten) = {
            let mut state = self.state();
            if state.is_lost {
                return Err(not_ours(&self.id));
            }
            let Some(unwritten) = state.unwritten.clone() else { return Ok(()) };
            state.last_write = Some(Instant::now());
            (state.version, unwritten)
        };
        let Checkpoint { done, total, bytes } = unwritten;
        let Shared { redis, lease, checkpoint, .. } = &*self.of.0;
        let call = checkpoint.on(redis).key(&self.of.keys(&self.id)).arg(self.fence).arg(version);
        let call = call.arg(milliseconds(*lease)).arg(done).arg(total).arg(&*bytes).arg(&*self.id);
        let is_ours: bool = call.query().await?;
        let mut state = self.state();
        if !is_ours {
            state.is_lost = true;
            return Err(not_ours(&self.id));
        }
        if state.version == version {
            state.unwritten = None;
        }
        Ok(())
    }

    /// The same without anybody who waits for it.
    pub(super) fn flush_in_background(self: &Arc<Self>) {
        let state = self.state();
        if state.unwritten.is_none() || state.is_lost {
            return;
        }
        drop(state);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let writer = Arc::clone(self);
            // Whoever dropped it may have run out of time; this has time of its own.
            let context = CallContext::current().without_deadline();
            runtime.spawn(context.scope(async move { writer.flush_and_log().await }));
        }
    }

    async fn flush_and_log(&self) {
        if let Err(error) = self.flush().await {
            tracing::warn!(target: "seawall_redis", operation = &*self.id, %error, "a checkpoint was not written");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
