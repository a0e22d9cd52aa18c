use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use seawall_core::{CallContext, Error};

use super::plan::Plan;
use super::visit::{Found, Walking};
use crate::engine::Engine;
use crate::fault::Label;
use crate::ground::Ground;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

/// The most entries in a batch.
const BATCH: usize = 512;
/// With so many batches found and not taken, nothing more is looked for.
const AHEAD: usize = 16;

/// The entries of a tree, in batches of up to 512; made by [`Walk::batches`](super::Walk::batches).
///
/// What cannot be read is an error among the entries, and the walk goes on; only when the root cannot be read, the
/// deadline passes or the client refuses is the error the last item. Opening the root passes through the stack, when the
/// stream is first polled; the walk does not. It ends at the deadline of the context in which it was made.
///
/// A reader that takes its time occupies no thread: it goes on when this is polled. In memory are about 20 000 entries
/// at the most, and the names of the directories still to be visited.
///
/// # Cancel safety
/// Dropping a wait for the next batch loses nothing. Dropping the stream ends the walk.
pub struct WalkBatches {
    state: State,
    ready: VecDeque<Found>,
    deadline: Option<Instant>,
}

enum State {
    Opening(BoxFuture<'static, Result<Started, Error>>),
    Walking(Started, FuturesUnordered<BoxFuture<'static, Result<Found, Error>>>),
    Over,
}

struct Started {
    engine: Engine,
    label: Label,
    walking: Arc<Walking>,
    first: Found,
}

impl WalkBatches {
    pub(super) fn new(client: &Fs, ground: Ground, root: &Path, plan: Plan) -> Self {
        let (told, root) = (ground.told(root), root.to_owned());
        let work = move |task: &Task<'_>| {
            // A root that cannot be read is the whole operation's failure, which may be worth another try.
            ground.directory(&root, true)?;
            let walking = Walking::new(ground.clone(), &root, plan.clone(), task.label.clone());
            let first = walking.visit(task.abandoned);
            let (engine, label) = (task.engine.clone(), task.label.clone());
            Ok(Started { engine, label, walking: Arc::new(walking), first })
        };
        let request = FsRequest::new(Operation::Walk, &told, work);
        let (client, context) = (client.clone(), CallContext::current());
        let deadline = context.deadline_at();
        let opening = context.scope(async move { client.ask(request).await });
        Self { state: State::Opening(Box::pin(opening)), ready: VecDeque::new(), deadline }
    }

    fn take_in(ready: &mut VecDeque<Found>, mut found: Found) {
        while found.len() > BATCH {
            let rest = found.split_off(BATCH);
            ready.push_back(std::mem::replace(&mut found, rest));
        }
        if !found.is_empty() {
            ready.push_back(found);
        }
    }
}

impl Started {
    /// As many visits as there may be and there is something to do for.
    fn visits(&self, under_way: usize) -> usize {
        let free = self.walking.most_visits() - under_way;
        let begin = free.min(self.walking.places());
        self.walking.idle.store(free - begin, Ordering::Relaxed);
        begin
    }

    fn visit(&self, deadline: Option<Instant>) -> BoxFuture<'static, Result<Found, Error>> {
        let (engine, label, walking) = (self.engine.clone(), self.label.clone(), Arc::clone(&self.walking));
        Box::pin(
            async move { engine.run(&label, deadline, move |abandoned| Ok(walking.visit(abandoned))).await },
        )
    }
}

impl Stream for WalkBatches {
    type Item = Vec<Result<super::WalkEntry, Error>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Opening(opening) => match opening.as_mut().poll(cx) {
                    Poll::Ready(Ok(mut started)) => {
                        Self::take_in(&mut this.ready, std::mem::take(&mut started.first));
                        this.state = State::Walking(started, FuturesUnordered::new());
                    }
                    Poll::Ready(Err(error)) => {
                        this.state = State::Over;
                        return Poll::Ready(Some(vec![Err(error)]));
                    }
                    Poll::Pending => return Poll::Pending,
                },
                State::Walking(started, visits) => {
                    // What is under way is polled before a batch is given out, so that it goes on meanwhile.
                    if this.ready.len() < AHEAD {
                        for _ in 0..started.visits(visits.len()) {
                            visits.push(started.visit(this.deadline));
                        }
                        match Pin::new(visits).poll_next(cx) {
                            Poll::Ready(Some(Ok(found))) => {
                                Self::take_in(&mut this.ready, found);
                                continue;
                            }
                            Poll::Ready(Some(Err(error))) => {
                                this.state = State::Over;
                                this.ready.push_back(vec![Err(error)]);
                                continue;
                            }
                            Poll::Ready(None) => {
                                this.state = State::Over;
                                continue;
                            }
                            Poll::Pending => {}
                        }
                    }
                    return match this.ready.pop_front() {
                        Some(batch) => Poll::Ready(Some(batch)),
                        None => Poll::Pending,
                    };
                }
                State::Over => return Poll::Ready(this.ready.pop_front()),
            }
        }
    }
}

impl fmt::Debug for WalkBatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Opening(_) => "opening",
            State::Walking(..) => "walking",
            State::Over => "over",
        };
        f.debug_struct("WalkBatches")
            .field("state", &state)
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}
