use std::time::Duration;

use redis::{FromRedisValue, ParsingError, Value};

use super::Operation;

/// What became of the wish to work at an operation.
#[derive(Debug)]
pub enum Claim {
    /// It is ours, from its last checkpoint on.
    Ours(Operation),
    /// Somebody else works at it, and is believed to for so long.
    Taken {
        /// Who.
        by: String,
        /// When it is worth asking again, if nothing is heard of him.
        retry_after: Duration,
    },
    /// It has ended, and this is how.
    Ended(Progress),
}

/// How far an operation has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done with it.
    pub state: State,
    /// Who works at it, or did last.
    pub owner: String,
    /// Units done.
    pub done: u64,
    /// Units that there are; 0 if nobody said.
    pub total: u64,
    /// The last checkpoint; once it has ended, its result or what went wrong.
    pub checkpoint: Vec<u8>,
    /// The fence of the last claim.
    pub fence: u64,
    /// When it was last heard of, in milliseconds since 1970 by the server's clock.
    pub updated: u64,
}

/// What is being done with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Somebody works at it, or did when it was last heard of.
    Running,
    /// It is done.
    Completed,
    /// It was given up.
    Failed,
}

/// The fields of the hash, in the order in which the scripts read them.
pub(super) const FIELDS: [&str; 7] = ["state", "owner", "done", "total", "checkpoint", "fence", "updated"];

impl FromRedisValue for Progress {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        type Fields = (String, String, u64, u64, Vec<u8>, u64, u64);
        let (state, owner, done, total, checkpoint, fence, updated) =
            redis::from_redis_value::<Fields>(value)?;
        let state = match state.as_str() {
            "running" => State::Running,
            "completed" => State::Completed,
            _ => State::Failed,
        };
        Ok(Self { state, owner, done, total, checkpoint, fence, updated })
    }
}
