use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use seawall_core::{Error, FailureKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout_at;

use crate::commit_gate::CommitGate;
use crate::fault::{Fault, Label};

/// Runs synchronous file work on threads, a bounded number of them at a time.
///
/// A slot is held by the work, not by the caller: work whose caller has gone still counts until it is
/// really over, so a mount that hangs cannot eat up thread after thread.
#[derive(Clone, Debug)]
pub(crate) struct Engine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    slots: Arc<Semaphore>,
    concurrency: NonZeroUsize,
    chunk_size: NonZeroUsize,
    gate: CommitGate,
}

impl Engine {
    pub(crate) fn new(concurrency: NonZeroUsize, chunk_size: NonZeroUsize) -> Self {
        let slots = Arc::new(Semaphore::new(concurrency.get().min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shared { slots, concurrency, chunk_size, gate: CommitGate::default() }))
    }

    pub(crate) fn chunk_size(&self) -> usize {
        self.0.chunk_size.get()
    }

    pub(crate) fn gate(&self) -> &CommitGate {
        &self.0.gate
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
        let slot = self.slot(label, deadline).await?;
        let abandoned = Abandoned::default();
        let seen = abandoned.clone();
        let _tell = AbandonOnDrop(abandoned);
        let mut running = slot.start(move || {
            if seen.is_set() {
                return Err(Fault::abandoned());
            }
            work(&seen)
        });
        running.finish(label, deadline).await?.map_err(|fault| fault.label(label))
    }

    /// Waits for a free slot. Cancel safe.
    pub(crate) async fn slot(&self, label: &Label, deadline: Option<Instant>) -> Result<Slot, Error> {
        if deadline.is_some_and(|deadline| deadline <= tokio::time::Instant::now().into_std()) {
            return Err(label.error(FailureKind::Timeout, "the deadline has passed already").not_executed());
        }
        let permit = until(deadline, Arc::clone(&self.0.slots).acquire_owned()).await.ok_or_else(|| {
            // Not a timeout: the file system was never asked. Our own queue is full.
            let message =
                format!("no turn before the deadline: {} operations are under way", self.0.concurrency);
            label.error(FailureKind::Overloaded { retry_after: None }, message).not_executed()
        })?;
        Ok(Slot(permit.expect("the semaphore is never closed")))
    }
}

/// The right to run one piece of work.
#[derive(Debug)]
pub(crate) struct Slot(OwnedSemaphorePermit);

impl Slot {
    /// Starts `work` at once; it runs to its end whether anybody waits for it or not.
    pub(crate) fn start<T, W>(self, work: W) -> Running<T>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        Running(spawn_blocking(move || {
            let Self(permit) = self;
            let output = work();
            drop(permit);
            output
        }))
    }
}

/// Work under way. Dropping it does not stop the work.
#[derive(Debug)]
pub(crate) struct Running<T>(JoinHandle<T>);

impl<T> Running<T> {
    /// Waits for the end of the work. Cancel safe, and may be called again after its time ran out, but not
    /// after it returned anything else.
    pub(crate) async fn finish(&mut self, label: &Label, deadline: Option<Instant>) -> Result<T, Error> {
        match until(deadline, &mut self.0).await {
            Some(Ok(output)) => Ok(output),
            Some(Err(cause)) if cause.is_panic() => std::panic::resume_unwind(cause.into_panic()),
            Some(Err(_cancelled)) => Err(Fault::lost().label(label)),
            None => Err(label.error(FailureKind::Timeout, "not done before the deadline")),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

/// Says that nobody waits any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

struct AbandonOnDrop(Abandoned);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

async fn until<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) => timeout_at(deadline.into(), future).await.ok(),
        None => Some(future.await),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn label() -> Label {
        Label { operation: "read", path: Arc::from(Path::new("/a/file")) }
    }

    fn engine(concurrency: usize) -> Engine {
        Engine::new(NonZeroUsize::new(concurrency).unwrap(), NonZeroUsize::MIN)
    }

    fn soon() -> Instant {
        tokio::time::Instant::now().into_std() + Duration::from_millis(20)
    }

    /// Work that occupies its slot until the sender is dropped; the receiver hears when it has begun.
    async fn occupy(engine: &Engine) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Error>>) {
        let (release, released) = mpsc::channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let engine = engine.clone();
        let task = tokio::spawn(async move {
            let work = move |_: &Abandoned| {
                begun.send(()).expect("the test waits for it");
                released.recv().expect_err("nobody sends");
                Ok(())
            };
            engine.run(&label(), None, work).await
        });
        has_begun.await.unwrap();
        (release, task)
    }

    #[tokio::test]
    async fn work_beyond_the_slots_waits_and_says_so_when_its_deadline_comes_first() {
        let engine = engine(2);
        let (first, first_done) = occupy(&engine).await;
        let (_second, _) = occupy(&engine).await;

        let error = engine.run(&label(), Some(soon()), |_| Ok(())).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Overloaded { retry_after: None });
        assert!(!error.may_have_executed());
        assert_eq!(
            error.to_string(),
            "fs `read /a/file`: no turn before the deadline: 2 operations are under way"
        );

        drop(first);
        first_done.await.unwrap().unwrap();
        engine.run(&label(), None, |_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn work_whose_caller_has_gone_keeps_its_slot_until_it_is_over() {
        let engine = engine(1);
        let (release, task) = occupy(&engine).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        engine.run(&label(), Some(soon()), |_| Ok(())).await.unwrap_err();

        drop(release);
        engine.run(&label(), None, |_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn work_too_slow_is_a_timeout_that_may_have_been_done_and_is_told_so() {
        let engine = engine(1);
        let (release, released) = mpsc::channel::<()>();
        let (tell, told) = tokio::sync::oneshot::channel();
        let work = move |abandoned: &Abandoned| {
            released.recv().expect_err("nobody sends");
            tell.send(abandoned.is_set()).expect("the test waits for it");
            Ok(())
        };
        let error = engine.run(&label(), Some(soon()), work).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Timeout);
        assert!(error.may_have_executed());
        drop(release);
        assert!(told.await.unwrap());
    }

    #[tokio::test]
    async fn a_deadline_that_has_passed_starts_nothing() {
        let past = Some(tokio::time::Instant::now().into_std());
        let error = engine(1)
            .run(&label(), past, |_| -> Result<(), Fault> { panic!("must not run") })
            .await
            .unwrap_err();
        assert_eq!(error.kind(), FailureKind::Timeout);
        assert!(!error.may_have_executed());
    }
}
