//! Runs synchronous file work where it stops nobody: at once if the page cache answers, else on threads of its own.

mod abandoned;
mod buffers;
mod clock;
mod desk;
mod forecast;
mod job;
mod pool;
mod rings;
mod slot;
mod still;
#[cfg(test)]
mod tests;
pub(crate) mod turn;
mod watcher;
mod worker;

use std::fs::File;
use std::io;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use seawall_core::{ByKind, Classify, Error, Event, FailureKind};
use seawall_tower::Identity;

pub(crate) use self::abandoned::Abandoned;
pub(crate) use self::buffers::{Buffers, aligned};
use self::forecast::Forecasts;
pub(crate) use self::forecast::{Need, Try};
use self::pool::Pool;
pub(crate) use self::rings::RingRead;
use self::rings::Rings;
use self::slot::until;
pub(crate) use self::slot::{Running, Slot};
use crate::byte_rate::ByteRate;
use crate::commit_gate::CommitGate;
use crate::descriptors::Descriptors;
use crate::fault::{Fault, Label};
use crate::full_devices::FullDevices;
use crate::{Tiers, sys};

/// The most operations that wait for a thread.
const PLACES: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// Where the work of a client is done, a bounded number of operations at a time. A clone is another handle on the same.
///
/// A thread is held by the work, not by the caller: work whose caller has gone still counts until it is
/// really over, so a mount that hangs cannot eat up thread after thread.
#[derive(Clone, Debug)]
pub(crate) struct Engine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    threads: Pool,
    /// Threads for what waits for the disk to have written, so that those who only read do not wait for that. None
    /// where there are so few threads that all of them are needed for everything.
    syncing: Option<Pool>,
    concurrency: NonZeroUsize,
    chunk_size: NonZeroUsize,
    gate: CommitGate,
    buffers: Buffers,
    rings: Rings,
    tiers: Tiers,
    /// `None` if nothing is to be tried without a thread.
    forecasts: Option<Forecasts>,
    descriptors: Arc<Descriptors>,
    full_devices: FullDevices,
    byte_rate: Option<Arc<ByteRate>>,
    identity: Identity,
}

/// Which threads do a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Those for everything.
    Usual,
    /// Those for what syncs.
    Sync,
}

impl Engine {
    pub(crate) fn new(concurrency: NonZeroUsize, chunk_size: NonZeroUsize, tiers: Tiers) -> Self {
        // A quarter of the threads, so that both together are never more than were allowed.
        let syncing = NonZeroUsize::new((concurrency.get() / 4).min(16));
        let usual = concurrency.get() - syncing.map_or(0, NonZeroUsize::get);
        Self(Arc::new(Shared {
            threads: Pool::new("seawall-fs", NonZeroUsize::new(usual).unwrap_or(concurrency), PLACES),
            syncing: syncing.map(|bound| Pool::for_waiting("seawall-fs-sync", bound, PLACES)),
            concurrency,
            chunk_size,
            gate: CommitGate::default(),
            buffers: Buffers::default(),
            tiers,
            rings: Rings::new(tiers == Tiers::Uring, concurrency.get()),
            forecasts: (sys::HAS_CACHED_CALLS && matches!(tiers, Tiers::Auto)).then(Forecasts::new),
            descriptors: Arc::default(),
            full_devices: FullDevices::default(),
            byte_rate: None,
            identity: Identity::default(),
        }))
    }

    /// The same with a limit of bytes a second, telling what it refuses to whoever the identity says. Nobody else may
    /// have it yet.
    pub(crate) fn guarded(mut self, bytes_per_second: Option<NonZeroU32>, identity: Identity) -> Self {
        let shared = Arc::get_mut(&mut self.0).expect("nobody else has it yet");
        shared.byte_rate = bytes_per_second.map(|limit| Arc::new(ByteRate::new(identity.clone(), limit)));
        shared.full_devices = FullDevices::new(identity.clone());
        shared.identity = identity;
        self
    }

    /// Tells, as the stack would, of what it does not see: a call answered without it, or one thing of a list that
    /// failed, where for the stack the list was answered.
    pub(crate) fn tell_of_call<T>(&self, answer: Result<&T, &Error>, elapsed: Duration) {
        let outcome = ByKind.classify(answer);
        self.0.identity.tell("pipeline", &Event::Completed { outcome, elapsed });
    }

    /// The limit of bytes a second, if there is one.
    pub(crate) fn byte_rate(&self) -> Option<&Arc<ByteRate>> {
        self.0.byte_rate.as_ref()
    }

    /// Those who wait for a file to be closed.
    pub(crate) fn descriptors(&self) -> &Arc<Descriptors> {
        &self.0.descriptors
    }

    /// The devices that nothing is to be written to.
    pub(crate) fn full_devices(&self) -> &FullDevices {
        &self.0.full_devices
    }

    pub(crate) fn chunk_size(&self) -> usize {
        self.0.chunk_size.get()
    }

    pub(crate) fn buffers(&self) -> &Buffers {
        &self.0.buffers
    }

    pub(crate) fn gate(&self) -> &CommitGate {
        &self.0.gate
    }

    /// Whether anything is ever tried without a thread.
    pub(crate) fn tries(&self) -> bool {
        self.0.forecasts.is_some()
    }

    /// Whether it is worth trying to do something about `path` without a thread; then say how it went by
    /// [`tried`](Self::tried).
    pub(crate) fn may_try(&self, path: &Path, need: Need) -> Option<Try> {
        self.0.forecasts.as_ref()?.worth_it(path, need)
    }

    /// Counts an attempt: whether the page cache had the answer.
    pub(crate) fn tried(&self, attempt: Try, hit: bool) {
        if let Some(forecasts) = &self.0.forecasts {
            forecasts.note(attempt, hit);
        }
    }

    /// Remembers that the device cannot be asked without waiting.
    pub(crate) fn refused(&self, attempt: Try) {
        if let Some(forecasts) = &self.0.forecasts {
            forecasts.refuse(attempt);
        }
    }

    /// Reads by a ring what the page cache does not hold, if that is the better way; `None` if a thread is to do it.
    pub(crate) async fn read_by_ring(
        &self,
        read: RingRead,
        label: &Label,
        deadline: Option<Instant>,
    ) -> Option<Result<BytesMut, Error>> {
        if self.0.rings.wants_start() {
            let its = self.clone();
            // Where there is no room even for that, there will be another time.
            drop(self.0.threads.submit(move || its.0.rings.start()));
        }
        match until(deadline, self.0.rings.read(&read)).await {
            Some(content) => content.map(Ok),
            None => Some(Err(label.error(FailureKind::Timeout, "not done before the deadline"))),
        }
    }

    /// Counts a read that has to wait for the device, until it is dropped.
    #[must_use]
    pub(crate) fn waiting_read(&self) -> impl Sized + Send + '_ {
        self.0.rings.count()
    }

    /// Whether reads may go to a ring at all.
    pub(crate) fn rings(&self) -> bool {
        self.0.tiers != Tiers::Threads && self.0.rings.may_be()
    }

    /// Finds out, on a thread, whether the device can be asked without waiting, unless that is known. `file` says what
    /// the path means.
    pub(crate) fn look_at(&self, path: &Path, need: Need, file: impl FnOnce() -> io::Result<File>) {
        if let Some(forecasts) = &self.0.forecasts
            && forecasts.is_unknown(path, need)
            && let Ok(file) = file()
        {
            forecasts.learn(path, need, &file);
        }
    }

    /// Runs `work` and waits for it until `deadline`.
    ///
    /// When the wait is dropped or too long, work that has not begun never does, and work under way is told
    /// through [`Abandoned`].
    pub(crate) async fn run<T, W>(
        &self,
        label: &Label,
        deadline: Option<Instant>,
        work: W,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Abandoned) -> Result<T, Fault> + Send + 'static,
    {
        self.run_in(Lane::Usual, label, deadline, work).await
    }

    /// The same, on the threads of a lane.
    pub(crate) async fn run_in<T, W>(
        &self,
        lane: Lane,
        label: &Label,
        deadline: Option<Instant>,
        work: W,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Abandoned) -> Result<T, Fault> + Send + 'static,
    {
        refuse_what_is_late(label, deadline)?;
        let abandoned = Abandoned::default();
        let seen = abandoned.clone();
        let descriptors = Arc::clone(&self.0.descriptors);
        let work = move || {
            let done = if seen.is_set() { Err(Fault::abandoned()) } else { work(&seen) };
            // Most work has closed what it opened by now.
            descriptors.closed();
            done
        };
        let outcome = self.pool(lane).submit(work).ok_or_else(|| queue_full(label))?;
        let waiting = Waiting { running: Running(outcome), abandoned };
        let Some(ending) = until(deadline, waiting.running.ending()).await else {
            return Err(self.too_late(label, &waiting.running));
        };
        ending.into_output(label)?.map_err(|fault| fault.label(label))
    }

    /// A place in the queue.
    pub(crate) async fn slot(&self, label: &Label, deadline: Option<Instant>) -> Result<Slot, Error> {
        self.slot_in(Lane::Usual, label, deadline).await
    }

    /// The same, in that of a lane.
    #[expect(clippy::unused_async, reason = "whoever takes a slot is ready to wait for one")]
    pub(crate) async fn slot_in(
        &self,
        lane: Lane,
        label: &Label,
        deadline: Option<Instant>,
    ) -> Result<Slot, Error> {
        refuse_what_is_late(label, deadline)?;
        self.pool(lane).reserve().map(Slot).ok_or_else(|| queue_full(label))
    }

    /// Drops `value` on a thread, because that blocks: it closes or removes files.
    pub(crate) fn dispose<T: Send + 'static>(&self, value: T) {
        // With the queue full it is dropped here, which is still better than never.
        let descriptors = Arc::clone(&self.0.descriptors);
        drop(self.0.threads.submit(move || {
            drop(value);
            descriptors.closed();
        }));
    }

    fn pool(&self, lane: Lane) -> &Pool {
        match (lane, &self.0.syncing) {
            (Lane::Sync, Some(pool)) => pool,
            _ => &self.0.threads,
        }
    }

    fn too_late<T>(&self, label: &Label, running: &Running<T>) -> Error {
        if running.0.withdraw() {
            // Not a timeout: the file system was never asked. Our own queue is too long.
            let message =
                format!("no turn before the deadline: {} operations are under way", self.0.concurrency);
            return label.error(FailureKind::Overloaded { retry_after: None }, message).not_executed();
        }
        label.error(FailureKind::Timeout, "not done before the deadline")
    }
}

/// Whether there is time left.
pub(crate) fn in_time(deadline: Option<Instant>) -> bool {
    deadline.is_none_or(|deadline| deadline > tokio::time::Instant::now().into_std())
}

fn refuse_what_is_late(label: &Label, deadline: Option<Instant>) -> Result<(), Error> {
    if in_time(deadline) {
        return Ok(());
    }
    Err(label.error(FailureKind::Timeout, "the deadline has passed already").not_executed())
}

fn queue_full(label: &Label) -> Error {
    let message = format!("{PLACES} operations wait for a thread already");
    label.error(FailureKind::Overloaded { retry_after: None }, message).not_executed()
}

/// Somebody who waits. Gone before the work has begun, he takes it out of the queue; else it is told.
struct Waiting<T> {
    running: Running<T>,
    abandoned: Abandoned,
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.abandoned.set();
        self.running.0.withdraw();
    }
}
