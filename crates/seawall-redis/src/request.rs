use std::fmt;
use std::sync::Arc;

use redis::{Cmd, Value};
use seawall_core::Idempotency;

use crate::Session;
#[cfg(any(feature = "cluster", feature = "sentinel"))]
use crate::nature::is_read;
use crate::nature::{Lane, Nature};

/// One call to a server, as it passes through the stack of a [`Redis`](crate::Redis) client. Cheap to clone.
///
/// `Debug` shows the command's name and none of its arguments.
#[derive(Clone)]
pub struct Request {
    pub(crate) action: Action,
    pub(crate) nature: Nature,
    pub(crate) size: usize,
}

/// What a [`Request`] asks for.
#[derive(Clone)]
#[non_exhaustive]
pub enum Action {
    /// A command.
    Command(Arc<Cmd>),
    /// Several commands that are sent at once, in a transaction if it is an atomic one.
    Pipelined(Arc<redis::Pipeline>),
    /// A connection for one caller, to the server that has these keys where there are several servers.
    Session(Arc<[Vec<u8>]>),
}

impl Request {
    /// A command, with what is known of it.
    pub fn command(command: Cmd) -> Self {
        let nature = Nature::of(&command);
        Self::known(command, nature)
    }

    pub(crate) fn known(command: Cmd, nature: Nature) -> Self {
        let size = size_of(&command);
        Self { action: Action::Command(Arc::new(command)), nature, size }
    }

    pub(crate) fn pipelined(pipeline: redis::Pipeline, nature: Nature) -> Self {
        let size = pipeline.cmd_iter().map(size_of).sum();
        Self { action: Action::Pipelined(Arc::new(pipeline)), nature, size }
    }

    pub(crate) fn session(keys: Vec<Vec<u8>>) -> Self {
        let nature = Nature {
            name: "SESSION",
            lane: Lane::Blocking(None),
            idempotency: Idempotency::Idempotent,
            at_primary: true,
        };
        Self { action: Action::Session(keys.into()), nature, size: 0 }
    }

    /// The same, which may or may not be made again.
    pub fn with_idempotency(mut self, idempotency: Idempotency) -> Self {
        self.nature.idempotency = idempotency;
        self
    }

    /// The same, answered by the primary whatever [`ReadFrom`](crate::ReadFrom) prefers.
    pub const fn at_primary(mut self) -> Self {
        self.nature.at_primary = true;
        self
    }

    /// Whether a replica may answer it.
    #[cfg(any(feature = "cluster", feature = "sentinel"))]
    pub(crate) fn may_be_stale(&self) -> bool {
        !self.nature.at_primary
            && match &self.action {
                Action::Command(_) => is_read(self.nature.name),
                Action::Pipelined(pipeline) => {
                    !pipeline.is_transaction()
                        && pipeline.cmd_iter().all(|command| is_read(Nature::of(command).name))
                }
                Action::Session(_) => false,
            }
    }

    /// What it asks for.
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// The command's name in capitals, `PIPELINE`, `MULTI`, `SESSION`, or `_OTHER` for a command that is in no list.
    pub const fn name(&self) -> &'static str {
        self.nature.name
    }

    /// Whether executing it twice does the same as executing it once.
    pub const fn idempotency(&self) -> Idempotency {
        self.nature.idempotency
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("name", &self.nature.name)
            .field("idempotency", &self.nature.idempotency)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command(_) => "Command",
            Self::Pipelined(_) => "Pipelined",
            Self::Session(_) => "Session",
        })
    }
}

/// What a server answered.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reply {
    /// To a command, or to several as an array.
    Value(Value),
    /// A connection for one caller.
    Session(Session),
}

/// How many bytes the arguments have, less what is around them.
fn size_of(command: &Cmd) -> usize {
    let argument = |argument: redis::Arg<&[u8]>| match argument {
        redis::Arg::Simple(bytes) => bytes.len(),
        _ => 0,
    };
    command.args_iter().map(argument).sum()
}
