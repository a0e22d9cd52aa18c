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
use seawall_core::{CallContext, Error, FailureKind, Idempotency};

use crate::engine::{Abandoned, Engine, in_time, turn};
use crate::fault::{Fault, Label};
use crate::full_devices::Place;
use crate::operation::Room;
use crate::work::{Attempt, Task};
use crate::{FsRequest, FsResponse};
use crate::{byte_rate, descriptors};

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
        let waiting = if engine.byte_rate().is_some() {
            paid(engine.clone(), request).boxed()
        } else if turn::is_over() {
            after_the_others(engine.clone(), request).boxed()
        } else {
            match attempt(engine, &request) {
                Attempt::Answered(answer) => return Self { state: State::Answered(label(answer, &request)) },
                Attempt::Missed(file) => waiting(engine.clone(), request, file).boxed(),
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

/// Does it within the limit of bytes a second.
async fn paid(engine: Engine, request: FsRequest) -> Result<FsResponse, Error> {
    let operation = request.operation();
    let Some(rate) = engine.byte_rate().cloned() else { return after_the_others(engine, request).await };
    if request.bytes() > 0 || byte_rate::reads_content(operation) {
        rate.pay(request.bytes()).await?;
    }
    let answer = after_the_others(engine, request).await;
    if let Ok(response) = &answer
        && byte_rate::reads_content(operation)
    {
        rate.owe(byte_rate::brought(operation, response));
    }
    answer
}

async fn after_the_others(engine: Engine, request: FsRequest) -> Result<FsResponse, Error> {
    if turn::is_over() {
        turn::let_others().await;
    }
    match attempt(&engine, &request) {
        Attempt::Answered(answer) => label(answer, &request),
        Attempt::Missed(file) => waiting(engine, request, file).await,
    }
}

/// Tries it without a thread.
fn attempt(engine: &Engine, request: &FsRequest) -> Attempt<FsResponse> {
    if !engine.tries() || !in_time(CallContext::current_deadline()) {
        return Attempt::Missed(None);
    }
    turn::count(|| request.work().inline(engine, request.path()))
}

/// Where it has to wait for a device: by a ring, or on a thread.
async fn waiting(engine: Engine, request: FsRequest, opened: Option<File>) -> Result<FsResponse, Error> {
    if !engine.rings() {
        return on_a_thread(engine, request, opened).await;
    }
    let opened = opened.map(Arc::new);
    let read = request.work().as_ring_read(opened.as_ref());
    // On a thread too, or nobody would ever see that there are many.
    let _counted = read.is_some().then(|| engine.waiting_read());
    if let Some(read) = read
        && let Some(content) =
            engine.read_by_ring(read, &request.label(), CallContext::current_deadline()).await
        && let Some(answer) = content.map(|content| request.work().answer_of_ring(content)).transpose()
    {
        return answer;
    }
    on_a_thread(engine.clone(), request, opened.and_then(Arc::into_inner)).await
}

async fn on_a_thread(
    engine: Engine,
    request: FsRequest,
    mut opened: Option<File>,
) -> Result<FsResponse, Error> {
    let label = request.label();
    let context = CallContext::current();
    let (attempt, deadline) = (context.attempt_number(), context.deadline_at());
    let (mut until, mut shortage) = (None, None);
    loop {
        let work = on_its_device(&engine, &request, &label, attempt, opened.take());
        match engine.run_in(request.operation().lane(), &label, deadline, work).await {
            // No fault of the file system's, and over as soon as somebody closes a file.
            Err(error) if descriptors::ran_out(&error) && may_be_repeated(&request, &error) => {
                let until = *until.get_or_insert_with(|| descriptors::patience(deadline, attempt));
                if !engine.descriptors().wait(until).await {
                    return Err(error);
                }
                shortage = Some(error);
            }
            // The deadline came in the midst of yet another try: what it had lacked until then says more.
            Err(error) if error.kind() == FailureKind::Timeout && !request.operation().writes() => {
                return Err(shortage.unwrap_or(error));
            }
            result => return result,
        }
    }
}

fn may_be_repeated(request: &FsRequest, error: &Error) -> bool {
    request.operation().idempotency() == Idempotency::Idempotent || !error.may_have_executed()
}

/// The work of a request, unless the device that it writes to is full.
fn on_its_device(
    engine: &Engine,
    request: &FsRequest,
    label: &Label,
    attempt: u32,
    opened: Option<File>,
) -> impl FnOnce(&Abandoned) -> Result<FsResponse, Fault> + Send + 'static {
    let (engine, label, work) = (engine.clone(), label.clone(), Arc::clone(request.work()));
    let room = request.operation().room();
    move |abandoned| {
        let (full_devices, place) = (engine.full_devices(), Place::Path(&label.path));
        let task = Task { engine: &engine, label: &label, attempt, abandoned, opened: Cell::new(opened) };
        match room {
            Room::Needed => full_devices.with_room(place, || work.carry_out(&task)),
            Room::Perhaps => full_devices.watching(place, || work.carry_out(&task)),
            Room::Unasked => work.carry_out(&task),
        }
    }
}

fn label(answer: Result<FsResponse, Fault>, request: &FsRequest) -> Result<FsResponse, Error> {
    answer.map_err(|fault| fault.label(&request.label()))
}
