//! Answers of the page cache past a stack that would learn nothing from them.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use seawall_core::{CallContext, Error};
use seawall_tower::CircuitBreakerHandle;

use crate::engine::{Engine, RingRead, in_time, turn};
use crate::fault::{Fault, Label};
use crate::work::{Attempt, Task, Work};
use crate::{Fs, FsRequest, Operation};

/// The way past the default stack. What the page cache answers says nothing of the device, needs no limit and no
/// further attempt, and is there before the layers have passed it on: so it is only counted. A circuit that is open has
/// its say all the same.
pub(crate) struct ShortWay {
    pub(crate) engine: Engine,
    pub(crate) circuit: CircuitBreakerHandle,
}

impl ShortWay {
    fn is_open(&self) -> bool {
        self.engine.tries() && !self.circuit.is_refusing() && in_time(CallContext::current_deadline())
    }
}

impl Fs {
    /// Asks for what the page cache may have: at once where there is a short way, else through the stack. `about` is
    /// `path` for those who keep it, which the short way does not.
    pub(crate) async fn ask_cache<W: Work>(
        &self,
        operation: Operation,
        path: &Path,
        about: impl FnOnce() -> Arc<Path>,
        work: W,
    ) -> Result<W::Output, Error> {
        let Some(way) = self.short_way().filter(|way| way.is_open()) else {
            return self.ask(FsRequest::about(operation, about(), work)).await;
        };
        if turn::is_over() {
            turn::let_others().await;
        }
        let (attempt, took) = turn::timed(|| work.inline(&way.engine, path));
        match attempt {
            Attempt::Answered(answer) => {
                let answer = answer
                    .map_err(|fault| fault.label(&Label { operation: operation.name(), path: about() }));
                way.engine.tell_of_call(answer.as_ref(), took);
                answer
            }
            Attempt::Missed(opened) => {
                let tried = Tried { work, opened: Mutex::new(opened) };
                self.ask(FsRequest::about(operation, about(), tried)).await
            }
        }
    }
}

/// Work that the page cache had no answer to, and what was opened for it.
struct Tried<W> {
    work: W,
    opened: Mutex<Option<File>>,
}

impl<W: Work> Work for Tried<W> {
    type Output = W::Output;

    fn inline(&self, _: &Engine, _: &Path) -> Attempt<W::Output> {
        Attempt::Missed(self.opened.lock().unwrap_or_else(PoisonError::into_inner).take())
    }

    fn as_ring_read(&self, opened: Option<&Arc<File>>) -> Option<RingRead> {
        self.work.as_ring_read(opened)
    }

    fn answer_of_ring(&self, content: BytesMut) -> Option<W::Output> {
        self.work.answer_of_ring(content)
    }

    fn carry_out(&self, task: &Task<'_>) -> Result<W::Output, Fault> {
        self.work.carry_out(task)
    }
}
