//! A connection for one caller, and transactions that watch what they read.

mod transaction;

use std::fmt;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Value};
use seawall_core::{Error, FailureKind, Idempotency};

use crate::classify::LAYER;
use crate::client::read;
use crate::dedicated::Lent;
use crate::nature::{Lane, Nature};
use crate::node::Node;
use crate::request::Action;
use crate::{Command, Pipelined, Request};

/// A connection that one caller has for himself, made by [`Redis::session`](crate::Redis::session): what changes the
/// connection (`WATCH`, `MULTI`, `SELECT`, `CLIENT TRACKING`) or asks about it (`WAIT`) belongs here.
///
/// Its commands are not retried. Dropped, it goes back to the others unless something is left behind on it: a watch, an
/// open transaction, another database, a command that was cut short. Then it is closed.
pub struct Session {
    lent: Lent,
    node: Arc<Node>,
    /// Whether a watch is on.
    watching: bool,
    /// Whether something else may have been left behind.
    changed: bool,
}

impl Session {
    pub(crate) const fn new(lent: Lent, node: Arc<Node>) -> Self {
        Self { lent, node, watching: false, changed: false }
    }

    /// Begins a command by its name.
    pub fn command(&mut self, name: &str) -> Command<'_> {
        Command::on_session(self, name)
    }

    /// Sends several commands at once, and reads the answers as a `T`. A transaction that was not carried out because
    /// something watched was changed is answered with nil: read an `Option`.
    ///
    /// # Errors
    /// As [`Pipelined::query`].
    pub async fn query<T: FromRedisValue>(&mut self, commands: Pipelined<'_>) -> Result<T, Error> {
        let pipeline = commands.into_pipeline()?;
        let ends_watch = pipeline.is_transaction();
        let name = if ends_watch { "MULTI" } else { "PIPELINE" };
        let nature =
            Nature { name, lane: Lane::Slow, idempotency: Idempotency::NotIdempotent, at_primary: true };
        let ask =
            async |connection: &mut MultiplexedConnection| pipeline.query_async::<Value>(connection).await;
        let value = self.node.ask(&mut self.lent, nature, ask).await?;
        if ends_watch {
            self.watching = false;
            self.settle();
        }
        read(value)
    }

    pub(crate) async fn ask<T: FromRedisValue>(&mut self, request: Request) -> Result<T, Error> {
        let (name, lane) = (request.nature.name, request.nature.lane);
        if lane == Lane::Subscription {
            return Err(Error::new(FailureKind::Permanent, LAYER, self.node.dialer.name())
                .not_executed()
                .with_message(format!(
                    "`{name}` turns a connection into one that listens: use `subscribe`"
                )));
        }
        let Action::Command(command) = request.action else {
            return Err(crate::client::strange("a command that is none"));
        };
        match name {
            "WAIT" | "WAITAOF" | "UNWATCH" => {}
            "WATCH" => self.watching = true,
            _ => self.changed |= lane == Lane::Session,
        }
        self.settle();
        let ask =
            async |connection: &mut MultiplexedConnection| connection.send_packed_command(&command).await;
        let value = self.node.ask(&mut self.lent, request.nature, ask).await?;
        if name == "UNWATCH" {
            self.watching = false;
            self.settle();
        }
        read(value)
    }

    /// Says whether the connection may go back as it is now.
    const fn settle(&mut self) {
        self.lent.clean = !self.watching && !self.changed;
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("server", &self.node.dialer.name()).finish_non_exhaustive()
    }
}
