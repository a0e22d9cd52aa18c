//! Commands on keys of several slots that can be made key by key: what they promise, each key keeps by itself.

use redis::{Cmd, RedisError, Value};
use seawall_core::Error;

use super::members::Members;
use super::several::partly;
use crate::classify;
use crate::nature::Nature;

/// How the answers for each key are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// In order.
    List,
    Sum,
}

impl Joined {
    /// Of a command that may be made key by key, because a server promises nothing about what happens between two keys
    /// either. `MSET` is none of them: of its keys either all are set or none.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "MGET" => Some(Self::List),
            "DEL" | "EXISTS" | "TOUCH" | "UNLINK" => Some(Self::Sum),
            _ => None,
        }
    }
}

impl Members {
    /// Makes a command key by key, those of each server together.
    pub(super) async fn across(&self, joined: Joined, command: &Cmd, nature: Nature) -> Result<Value, Error> {
        let name = match joined {
            Joined::List => "GET",
            Joined::Sum => nature.name,
        };
        let keys = command.args_iter().skip(1);
        let each = keys.map(|key| {
            let mut one = redis::cmd(name);
            if let redis::Arg::Simple(key) = key {
                one.arg(key);
            }
            one
        });
        let each: Vec<Cmd> = each.collect();
        let answers = self.several(&each, nature).await?;
        match joined {
            Joined::List => answers.into_iter().map(found).collect::<Result<_, _>>().map(Value::Array),
            Joined::Sum => self.sum(answers).map(Value::Int),
        }
    }

    fn sum(&self, answers: Vec<Value>) -> Result<i64, Error> {
        answers.into_iter().try_fold(0, |sum, answer| match answer {
            Value::Int(count) => Ok(sum + count),
            Value::ServerError(error) => {
                let error = classify::error(self.name(), RedisError::from(error));
                Err(partly(error.kind(), self.name(), error))
            }
            _ => Err(crate::client::strange("something else than a count")),
        })
    }
}

/// What `MGET` says of a key: one that holds something else than a string has none for it.
fn found(value: Value) -> Result<Value, Error> {
    match value {
        Value::ServerError(error) if error.code() == "WRONGTYPE" => Ok(Value::Nil),
        Value::ServerError(error) => Err(classify::error("MGET", RedisError::from(error))),
        value => Ok(value),
    }
}
