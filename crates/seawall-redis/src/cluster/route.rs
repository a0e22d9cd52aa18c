//! Finds the server of each request, and follows where servers send it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use redis::{Cmd, Pipeline, RedisError, Value};
use seawall_core::{Error, FailureKind};
use tower::Service;

use super::across::Joined;
use super::keys::{Home, home_of};
use super::members::Members;
use super::redirect::Redirect;
use crate::classify::{self, LAYER};
use crate::nature::{Lane, Nature};
use crate::request::Action;
use crate::{Reply, Request};

/// A request is sent elsewhere no more often than this.
const MOST_REDIRECTS: usize = 5;

/// A cluster as a service: each attempt finds its server anew.
#[derive(Clone)]
pub(super) struct Router(pub(super) Arc<Members>);

impl Service<Request> for Router {
    type Response = Reply;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

    /// Always ready: whose turn it is to be ready shows when the server is known.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let members = Arc::clone(&self.0);
        Box::pin(async move { members.route(request).await })
    }
}

impl Members {
    async fn route(&self, request: Request) -> Result<Reply, Error> {
        match request.action() {
            Action::Command(command) => {
                let home = home_of(request.name(), command);
                match (home, Joined::of(request.name())) {
                    (Home::Across(_), Some(joined)) => {
                        self.across(joined, command, request.nature).await.map(Reply::Value)
                    }
                    _ => self.follow(self.settled(request.name(), home)?, request).await,
                }
            }
            Action::Pipelined(pipeline) if pipeline.is_transaction() => {
                let slot = self.slot_of_all(pipeline)?;
                self.follow(slot, request).await
            }
            Action::Pipelined(pipeline) => {
                let pipeline = Arc::clone(pipeline);
                self.split(&pipeline, request.nature).await.map(Reply::Value)
            }
            Action::Session(keys) => {
                let home = Home::of_all(keys.iter().map(Vec::as_slice));
                if home == Home::Any {
                    return Err(self.refused(
                        "a session is with one server, and a cluster has several: say by `session_for` for which keys it \
                         is, or use `pipelined().atomic()` or a script",
                    ));
                }
                self.follow(self.settled("a session", home)?, request).await
            }
        }
    }

    /// Sends a request to where a slot is, or anywhere, and from there to where it is sent.
    pub(super) async fn follow(&self, slot: Option<u16>, request: Request) -> Result<Reply, Error> {
        let mut member = self.owner(slot).await?;
        if let Some(answer) = self.read(&member, &request).await {
            return answer;
        }
        let mut asked = false;
        for _ in 0..MOST_REDIRECTS {
            let sent = if asked { self.asking(&request)? } else { request.clone() };
            let reply = match member.call(sent).await {
                Ok(reply) => reply,
                Err(error) => {
                    self.doubt(&error);
                    return Err(error);
                }
            };
            let reply = if asked { alone(reply) } else { reply };
            let Reply::Value(Value::ServerError(refusal)) = reply else { return Ok(reply) };
            (member, asked) = match Redirect::read(&refusal, &member.address) {
                Some(Redirect::Moved { slot, to }) => (self.moved(slot, to), false),
                Some(Redirect::Ask { to }) => (self.at(to), true),
                None => {
                    let cause = RedisError::from(refusal);
                    let judged = request.nature.judge()(&cause);
                    return Err(classify::judged_error(member.node.dialer.name(), judged, cause));
                }
            };
        }
        Err(Error::new(FailureKind::Transient, LAYER, self.name())
            .not_executed()
            .with_message(format!("the servers of the cluster sent it elsewhere {MOST_REDIRECTS} times")))
    }

    /// The request as a server takes it that a slot is on its way to.
    fn asking(&self, request: &Request) -> Result<Request, Error> {
        let Action::Command(command) = request.action() else { return Err(self.on_its_way()) };
        if matches!(request.nature.lane, Lane::Blocking(_)) {
            return Err(self.on_its_way());
        }
        let mut pipeline = Pipeline::new();
        pipeline.cmd("ASKING").ignore().add_command(Cmd::clone(command)).ignore_errors();
        Ok(Request::pipelined(pipeline, request.nature))
    }

    fn on_its_way(&self) -> Error {
        Error::new(FailureKind::Transient, LAYER, self.name())
            .not_executed()
            .with_message("the slot is on its way to another server, which takes single commands only")
    }

    /// Where a command belongs; `None` is anywhere.
    pub(super) fn slot(&self, name: &'static str, command: &Cmd) -> Result<Option<u16>, Error> {
        self.settled(name, home_of(name, command))
    }

    fn settled(&self, name: &str, home: Home) -> Result<Option<u16>, Error> {
        match home {
            Home::Slot(slot) => Ok(Some(slot)),
            Home::Any => Ok(None),
            Home::None => Err(self.refused(format!(
                "`{name}` is of one server, and a cluster has several: connect to each by a URL of its own"
            ))),
            Home::Across(slots) => Err(self.refused_across(name, slots)),
        }
    }

    /// Where a transaction belongs.
    fn slot_of_all(&self, pipeline: &Pipeline) -> Result<Option<u16>, Error> {
        let mut common = None;
        for command in pipeline.cmd_iter() {
            let Some(slot) = self.slot(Nature::of(command).name, command)? else { continue };
            match common {
                Some(common) if common != slot => {
                    return Err(self.refused_across("a transaction", [common, slot]));
                }
                _ => common = Some(slot),
            }
        }
        Ok(common)
    }

    /// The keys themselves stay unsaid: they may tell of somebody.
    fn refused_across(&self, name: &str, [one, other]: [u16; 2]) -> Error {
        let instead = match name {
            "MSET" => ", or set each by itself, several at once with `pipelined`",
            _ if Joined::of(name).is_some() => ", or send it by itself",
            _ => "",
        };
        self.refused(format!(
            "the keys of {name} are of several slots, {one} and {other} among them, and a cluster keeps only one slot \
             together: give them one hash tag, as in `{{user:1}}:name` and `{{user:1}}:visits`{instead}"
        ))
    }

    pub(super) fn refused(&self, why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::new(FailureKind::Permanent, LAYER, self.name()).not_executed().with_message(why)
    }
}

/// The only answer of several.
fn alone(reply: Reply) -> Reply {
    match reply {
        Reply::Value(Value::Array(mut values)) if values.len() == 1 => {
            Reply::Value(values.pop().unwrap_or(Value::Nil))
        }
        other => other,
    }
}
