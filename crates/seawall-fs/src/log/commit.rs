use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use seawall_core::{Error, FailureKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout_at;

use super::file::LogFile;
use super::frame::HEADER;
use super::options::LogOptions;
use crate::engine::{Engine, Lane, in_time};
use crate::fault::{Fault, Label};
use crate::full_devices::Place;

/// Gathers records while a write is under way, and writes them together.
#[derive(Debug)]
pub(super) struct Commits {
    engine: Engine,
    label: Label,
    options: LogOptions,
    room: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` while it is being written to.
    file: Option<LogFile>,
    writing: bool,
    waiting: Vec<Waiting>,
    failed: Option<Fault>,
}

#[derive(Debug)]
struct Waiting {
    record: Bytes,
    done: oneshot::Sender<Result<u64, Error>>,
    _room: OwnedSemaphorePermit,
}

impl Commits {
    pub(super) fn new(engine: Engine, label: Label, file: LogFile, options: LogOptions) -> Self {
        let room = Arc::new(Semaphore::new(options.max_waiting.max(1) as usize));
        let state = State { file: Some(file), writing: false, waiting: Vec::new(), failed: None };
        Self { engine, label, options, room, state: Mutex::new(state) }
    }

    pub(super) async fn append(
        self: &Arc<Self>,
        record: Bytes,
        deadline: Option<Instant>,
    ) -> Result<u64, Error> {
        let most = self.options.max_record;
        if record.len() > most as usize {
            let message = format!("a record of {} bytes, with {most} allowed", record.len());
            return Err(Fault::invalid(message).label(&self.label));
        }
        if !in_time(deadline) {
            let message = "the deadline has passed already";
            return Err(self.label.error(FailureKind::Timeout, message).not_executed());
        }
        self.check()?;
        let size = (record.len() + HEADER).min(self.options.max_waiting.max(1) as usize);
        let size = u32::try_from(size).expect("no more than `max_waiting`");
        let room = until(deadline, Arc::clone(&self.room).acquire_many_owned(size)).await;
        let room = room.ok_or_else(|| self.no_room())?.expect("the semaphore is never closed");

        let (done, outcome) = oneshot::channel();
        {
            let mut state = self.lock();
            if let Some(fault) = &state.failed {
                return Err(fault.again().changed_nothing().label(&self.label));
            }
            state.waiting.push(Waiting { record, done, _room: room });
            if !state.writing {
                state.writing = true;
                tokio::spawn(Writer(Arc::clone(self)).write());
            }
        }
        match until(deadline, outcome).await {
            Some(Ok(written)) => written,
            Some(Err(_never_told)) => Err(Fault::lost().label(&self.label)),
            None => Err(self.label.error(FailureKind::Timeout, "not durable before the deadline")),
        }
    }

    fn check(&self) -> Result<(), Error> {
        match &self.lock().failed {
            Some(fault) => Err(fault.again().changed_nothing().label(&self.label)),
            None => Ok(()),
        }
    }

    fn no_room(&self) -> Error {
        let message = "no room before the deadline: the device does not keep up with the appenders";
        self.label.error(FailureKind::Overloaded { retry_after: None }, message).not_executed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what waits until nothing does. Dropped before, it leaves the log able to go on, or failed.
struct Writer(Arc<Commits>);

impl Writer {
    async fn write(self) {
        let Commits { engine, label, .. } = &*self.0;
        loop {
            let slot = engine.slot_in(Lane::Sync, label, None).await;
            let (waiting, file) = {
                let mut state = self.0.lock();
                if state.waiting.is_empty() {
                    // Under the lock: whoever comes next begins to write.
                    state.writing = false;
                    return;
                }
                (std::mem::take(&mut state.waiting), state.file.take())
            };
            let (slot, mut file) = match (slot, file) {
                (Ok(slot), Some(file)) => (slot, file),
                (Err(refused), file) => {
                    self.0.lock().file = file;
                    tell(waiting, Err(refused));
                    continue;
                }
                (Ok(_), None) => {
                    let fault = self.0.lock().failed.as_ref().map_or_else(Fault::lost, Fault::again);
                    tell(waiting, Err(fault.changed_nothing().label(label)));
                    continue;
                }
            };
            let records: Vec<Bytes> = waiting.iter().map(|one| one.record.clone()).collect();
            let (engine, path) = (engine.clone(), Arc::clone(&label.path));
            let mut running = slot.start(move || {
                let place = Place::Path(&path);
                let written = engine.full_devices().watching(place, || file.append(&records));
                (file, written)
            });
            match running.finish(label, None).await {
                Ok((file, Ok(places))) => {
                    self.0.lock().file = Some(file);
                    tell(waiting, Ok(places));
                }
                Ok((_file, Err(fault))) => {
                    self.0.lock().failed = Some(fault.again());
                    tell(waiting, Err(fault.label(label)));
                }
                Err(_never_finished) => {
                    self.0.lock().failed = Some(Fault::lost());
                    tell(waiting, Err(Fault::lost().label(label)));
                }
            }
        }
    }
}

impl Drop for Writer {
    /// Its runtime may shut down in the midst of a write, while the log lives on in another one.
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if state.writing {
            state.writing = false;
            state.waiting.clear();
            if state.file.is_none() && state.failed.is_none() {
                state.failed = Some(Fault::lost());
            }
        }
    }
}

fn tell(waiting: Vec<Waiting>, outcome: Result<Vec<u64>, Error>) {
    match outcome {
        Ok(places) => {
            for (one, place) in waiting.into_iter().zip(places) {
                // Whoever has gone need not be told.
                let _gone = one.done.send(Ok(place));
            }
        }
        Err(error) => {
            for one in waiting {
                let _gone = one.done.send(Err(error.clone()));
            }
        }
    }
}

async fn until<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) => timeout_at(deadline.into(), future).await.ok(),
        None => Some(future.await),
    }
}
