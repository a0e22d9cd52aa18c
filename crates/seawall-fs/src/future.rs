//! The future of [`FileService`](crate::FileService).

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use seawall_core::{CallContext, Error};

use crate::engine::{Abandoned, Engine, in_time, turn};
use crate::work::{Attempt, Task};
use crate::{FsRequest, FsResponse};

/// The answer to a request. What the page cache has is there at the first poll; what it has not comes from a thread.
#[must_use = "futures do nothing unless awaited"]
pub struct ResponseFuture {
    state: State,
}

enum State {
    Answered(Result<FsResponse, Error>),
    Waiting(BoxFuture<'static, Result<FsResponse, Error>>),
    Over,
}

impl ResponseFuture {
    pub(crate) fn new(engine: &Engine, request: FsRequest) -> Self {
        let waiting = if turn::is_over() {
            after_the_others(engine.clone(), request).boxed()
        } else {
            match attempt(engine, &request) {
                Attempt::Answered(answer) => return Self { state: State::Answered(label(answer, &request)) },
                Attempt::Missed(file) => on_a_thread(engine.clone(), request, file).boxed(),
            }
        };
        Self { state: State::Waiting(waiting) }
    }
}

impl Future for ResponseFuture {
    type Output = Result<FsResponse, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Waiting(waiting) = &mut self.state {
            return waiting.as_mut().poll(cx);
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Answered(answer) => Poll::Ready(answer),
            _ => panic!("polled after it was ready"),
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

async fn after_the_others(engine: Engine, request: FsRequest) -> Result<FsResponse, Error> {
    turn::let_others().await;
    match attempt(&engine, &request) {
        Attempt::Answered(answer) => label(answer, &request),
        Attempt::Missed(file) => on_a_thread(engine, request, file).await,
    }
}

/// Tries it without a thread.
fn attempt(engine: &Engine, request: &FsRequest) -> Attempt<FsResponse> {
    if !engine.tries() || !in_time(CallContext::current_deadline()) {
        return Attempt::Missed(None);
    }
    turn::count(|| request.work().inline(engine, request.path()))
}

async fn on_a_thread(engine: Engine, request: FsRequest, opened: Option<File>) -> Result<FsResponse, Error> {
    let label = request.label();
    let context = CallContext::current();
    let attempt = context.attempt_number();
    let (its_engine, its_label, work) = (engine.clone(), label.clone(), Arc::clone(request.work()));
    let work = move |abandoned: &Abandoned| {
        let opened = Cell::new(opened);
        work.carry_out(&Task { engine: &its_engine, label: &its_label, attempt, abandoned, opened })
    };
    engine.run_in(request.operation().lane(), &label, context.deadline_at(), work).await
}

fn label(answer: Result<FsResponse, crate::fault::Fault>, request: &FsRequest) -> Result<FsResponse, Error> {
    answer.map_err(|fault| fault.label(&request.label()))
}
