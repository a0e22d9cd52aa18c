//! Which of a stack's services a call goes through, and how much time it has there: by what kind of command it is.

use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind};
use seawall_tower::Spares;
use tower::{Service, ServiceExt};

use crate::classify::LAYER;
use crate::nature::Lane;
use crate::request::Action;
use crate::{RedisConfig, Reply, Request};

/// A stack as calls of each kind go through it.
pub(crate) struct Lanes<S> {
    /// For what shares connections.
    pub(crate) ordinary: Spares<S>,
    /// For what has one of its own: it waits for other things than the server, so its circuit is another.
    dedicated: S,
    times: Times,
}

impl<S> Lanes<S>
where
    S: Service<Request, Response = Reply, Error = Error> + Clone,
{
    pub(crate) const fn new(ordinary: Spares<S>, dedicated: S, times: Times) -> Self {
        Self { ordinary, dedicated, times }
    }

    /// Makes a call. What is no ordinary one has a time limit of its own in place of the pipeline's.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, Error> {
        let answer = match request.nature.lane {
            Lane::Shared => self.ordinary.call(request).await,
            lane @ Lane::Slow => within(self.times.of(lane)).scope(self.ordinary.call(request)).await,
            // A session is not begun for longer than an attempt may take.
            Lane::Blocking(_) if matches!(request.action, Action::Session(_)) => self.alone(request).await,
            lane @ Lane::Blocking(_) => within(self.times.of(lane)).scope(self.alone(request)).await,
            Lane::Session | Lane::Subscription => Err(not_here(&request)),
        };
        yield_after(answer).await
    }

    async fn alone(&self, request: Request) -> Result<Reply, Error> {
        self.dedicated.clone().oneshot(request).await
    }
}

/// How long the commands of each kind may take.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    ordinary: Option<Duration>,
    slow: Duration,
    blocking_margin: Duration,
}

impl Times {
    pub(crate) const fn new(config: &RedisConfig) -> Self {
        Self {
            ordinary: config.pipeline.attempt_timeout,
            slow: config.slow_timeout,
            blocking_margin: config.blocking_margin,
        }
    }

    /// Of a command of this kind; `None` is as long as its caller likes.
    pub(crate) fn of(self, lane: Lane) -> Option<Duration> {
        match lane {
            Lane::Shared | Lane::Session | Lane::Subscription => self.ordinary,
            Lane::Slow => Some(self.slow),
            Lane::Blocking(time) => time.map(|time| time + self.blocking_margin),
        }
    }

    /// In which the server answers that it lives.
    pub(crate) fn of_ping(self) -> Duration {
        self.ordinary.unwrap_or(self.slow)
    }
}

/// A refusal takes no time. Callers in a loop would keep the runtime from what brings the connection back.
pub(crate) async fn yield_after(answer: Result<Reply, Error>) -> Result<Reply, Error> {
    if answer.is_err() {
        tokio::task::coop::consume_budget().await;
    }
    answer
}

/// The context of a call that has so much time, whatever the pipeline gives to others.
fn within(time: Option<Duration>) -> CallContext {
    let context = CallContext::current().unhurried();
    match time {
        Some(time) => context.within(time, tokio::time::Instant::now().into_std()),
        None => context,
    }
}

fn not_here(request: &Request) -> Error {
    let name = request.name();
    let instead = match request.nature.lane {
        Lane::Subscription => "listen with `subscribe`",
        _ => {
            "use `session` (of a cluster `session_for`), or `transaction` and `pipelined().atomic()` for `WATCH` and \
             `MULTI`"
        }
    };
    Error::new(FailureKind::Permanent, LAYER, "command").not_executed().with_message(format!(
        "`{name}` changes the connection it is sent over, which others share: {instead}"
    ))
}
