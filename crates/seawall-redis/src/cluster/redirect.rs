//! Answers that send to another server.

use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::Map;
use redis::{RedisError, ServerError, Value};
use seawall_core::Error;
use tower::Service;

use super::map::Address;
use crate::{Reply, Request};

/// Where to go, from the words of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// The slot is there from now on.
    Moved { slot: u16, to: Address },
    /// This one time: the slot is on its way there.
    Ask { to: Address },
}

impl Redirect {
    /// Reads `MOVED 3999 127.0.0.1:6381`; a host that is left out is that of the server that says it.
    pub(super) fn read(error: &ServerError, from: &Address) -> Option<Self> {
        let mut words = error.details()?.split_ascii_whitespace();
        let slot = words.next()?.parse().ok()?;
        let (host, port) = words.next()?.rsplit_once(':')?;
        let host = if host.is_empty() || host == "?" { from.host.clone() } else { host.to_owned() };
        let to = Address { host, port: port.parse().ok()? };
        match error.code() {
            "MOVED" => Some(Self::Moved { slot, to }),
            "ASK" => Some(Self::Ask { to }),
            _ => None,
        }
    }
}

/// Makes answers of such errors: a server that sends elsewhere is well, and its circuit has no part in that.
#[derive(Clone, Debug)]
pub(super) struct Redirects<S>(pub(super) S);

type Answer = Result<Reply, Error>;

impl<S: Service<Request, Response = Reply, Error = Error>> Service<Request> for Redirects<S> {
    type Response = Reply;
    type Error = Error;
    type Future = Map<S::Future, fn(Answer) -> Answer>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.call(request).map(unless_redirect)
    }
}

fn unless_redirect(answer: Answer) -> Answer {
    let error = match answer {
        Ok(reply) => return Ok(reply),
        Err(error) => error,
    };
    match redirect_in(&error) {
        Some(redirect) => Ok(Reply::Value(Value::ServerError(redirect))),
        None => Err(error),
    }
}

/// The first redirect among what the server said. Only what was not carried out is answered so: a single command, or a
/// transaction that could not be queued.
fn redirect_in(error: &Error) -> Option<ServerError> {
    let cause = std::error::Error::source(error)?.downcast_ref::<RedisError>()?;
    let errors = cause.clone().into_server_errors()?;
    errors.iter().map(|(_, error)| error).find(|error| matches!(error.code(), "MOVED" | "ASK")).cloned()
}
