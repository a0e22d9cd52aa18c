use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use seawall_core::{CallContext, Error, FailureKind};

use crate::atomic::Replacement;
use crate::engine::{Engine, Lane, Running, Slot};
use crate::fault::{Fault, Label};
use crate::full_devices::Place;

/// More slices than this the kernel does not take in one call.
const SLICES: usize = 64;

/// Where a sink writes to.
pub(crate) trait Destination: Send + Sync + 'static {
    fn file(&mut self) -> &mut File;
}

impl Destination for Replacement {
    fn file(&mut self) -> &mut File {
        self.file()
    }
}

/// Writes behind its caller: while one write is under way on a thread, the next bytes gather here, up to a
/// chunk; then the caller waits. So many small writes become few large ones, and memory stays bounded.
///
/// A failure is kept and told again by every later call: what was not written is never taken for written.
#[derive(Debug)]
pub(crate) struct Sink<D> {
    engine: Engine,
    label: Label,
    state: State<D>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
}

#[derive(Debug)]
enum State<D> {
    Idle(D),
    Writing(Running<Result<D, Fault>>),
    Failed(Fault),
    Gone,
}

impl<D: Destination> Sink<D> {
    pub(crate) fn new(engine: Engine, label: Label, destination: D) -> Self {
        Self { engine, label, state: State::Idle(destination), gathered: Vec::new(), gathered_bytes: 0 }
    }

    /// Takes `bytes` over, all of it or, when dropped or failing, nothing.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        if let Some(rate) = self.engine.byte_rate() {
            self.check()?;
            rate.pay(bytes.len() as u64).await?;
        }
        if self.gathered_bytes >= self.engine.chunk_size() || self.write_is_over() {
            self.settle().await?;
        }
        let slot = match self.state {
            State::Writing(_) => None,
            _ => Some(self.slot().await?),
        };
        // No await from here on: the bytes are ours.
        self.gathered_bytes += bytes.len();
        self.gathered.push(bytes);
        if let Some(slot) = slot {
            self.write_gathered(slot)?;
        }
        Ok(())
    }

    /// Waits until the operating system has everything.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        self.settle().await?;
        while !self.gathered.is_empty() {
            let slot = self.slot().await?;
            self.write_gathered(slot)?;
            self.settle().await?;
        }
        Ok(())
    }

    /// Runs `work`, which syncs, on the destination after everything was written; a failure is kept like that of a write.
    pub(crate) async fn run(
        &mut self,
        work: impl FnOnce(D) -> Result<D, Fault> + Send + 'static,
    ) -> Result<(), Error> {
        self.flush().await?;
        self.check()?;
        let slot = self.engine.slot_in(Lane::Sync, &self.label, CallContext::current_deadline()).await?;
        let destination = self.idle()?;
        self.state = State::Writing(slot.start(move || work(destination)));
        self.settle().await
    }

    /// Gives the destination away after everything was written.
    pub(crate) async fn finish(&mut self) -> Result<D, Error> {
        self.flush().await?;
        self.idle()
    }

    pub(crate) fn label(&self) -> &Label {
        &self.label
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Lets go of the destination on a thread, since closing and removing files block.
    pub(crate) fn abandon(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Gone);
        if let State::Idle(_) | State::Writing(_) = state {
            self.engine.dispose(state);
        }
    }

    /// Takes what is gathered and under way along into a task that writes it out, since its writer is being
    /// dropped.
    pub(crate) fn detach(&mut self) {
        if self.gathered.is_empty() {
            return self.abandon();
        }
        let mut rest = Self {
            engine: self.engine.clone(),
            label: self.label.clone(),
            state: std::mem::replace(&mut self.state, State::Gone),
            gathered: std::mem::take(&mut self.gathered),
            gathered_bytes: 0,
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Nobody is left to be told of an error; whoever wants to know calls `flush`.
                let _nobody_to_tell = rest.flush().await;
                rest.abandon();
            });
        }
    }

    fn write_is_over(&self) -> bool {
        matches!(&self.state, State::Writing(running) if running.is_over())
    }

    /// Waits for the write under way. Cancel safe.
    async fn settle(&mut self) -> Result<(), Error> {
        if let State::Writing(running) = &mut self.state {
            self.state = match running.finish(&self.label, CallContext::current_deadline()).await {
                Ok(Ok(destination)) => State::Idle(destination),
                Ok(Err(fault)) => State::Failed(fault),
                // Still under way: it can be waited for again.
                Err(error) if error.kind() == FailureKind::Timeout => return Err(error),
                Err(_never_finished) => State::Failed(Fault::lost()),
            };
        }
        self.check()
    }

    fn check(&self) -> Result<(), Error> {
        match &self.state {
            State::Idle(_) | State::Writing(_) => Ok(()),
            State::Failed(fault) => Err(fault.again().label(&self.label)),
            State::Gone => Err(Fault::invalid("the writer is finished").label(&self.label)),
        }
    }

    async fn slot(&self) -> Result<Slot, Error> {
        self.check()?;
        self.engine.slot(&self.label, CallContext::current_deadline()).await
    }

    fn write_gathered(&mut self, slot: Slot) -> Result<(), Error> {
        let mut destination = self.idle()?;
        let mut gathered = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        let (engine, path) = (self.engine.clone(), Arc::clone(&self.label.path));
        let write = move || match write_all(destination.file(), &mut gathered) {
            Ok(()) => Ok(destination),
            // The destination is dropped here, on the thread: nothing more can be done with it.
            Err(cause) => {
                drop(destination);
                engine.descriptors().closed();
                engine.full_devices().watching(Place::Path(&path), || Err(cause.into()))
            }
        };
        self.state = State::Writing(slot.start(write));
        Ok(())
    }

    fn idle(&mut self) -> Result<D, Error> {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Idle(destination) => Ok(destination),
            other => {
                self.state = other;
                self.check()?;
                Err(Fault::invalid("a write is still under way").label(&self.label))
            }
        }
    }
}

pub(crate) fn write_all(file: &mut File, chunks: &mut [Bytes]) -> io::Result<()> {
    let mut first = 0;
    while first < chunks.len() {
        if chunks[first].is_empty() {
            first += 1;
            continue;
        }
        let slices: Vec<IoSlice<'_>> =
            chunks[first..].iter().take(SLICES).map(|chunk| IoSlice::new(chunk)).collect();
        let mut written = match file.write_vectored(&slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(cause),
        };
        while written > 0 {
            let step = written.min(chunks[first].len());
            chunks[first].advance(step);
            written -= step;
            if chunks[first].is_empty() {
                first += 1;
            }
        }
    }
    Ok(())
}
