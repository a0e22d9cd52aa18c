//! Several commands at once: those of each server go to it together, and in order.

use std::sync::Arc;

use futures_util::future::join_all;
use redis::aio::ConnectionLike;
use redis::{Cmd, Pipeline, RedisError, RedisFuture, Value};
use seawall_core::Error;

use super::member::Member;
use super::members::Members;
use crate::classify::LAYER;
use crate::nature::Nature;
use crate::{Reply, Request};

/// What goes to one server: which of the commands, by number.
type Part = (Arc<Member>, Vec<usize>);

impl Members {
    /// Sends several commands each to where it belongs. The answers are put together by the driver, who alone knows
    /// which of them are to be left out.
    pub(super) async fn split(&self, pipeline: &Pipeline, nature: Nature) -> Result<Value, Error> {
        let mut connection = Everywhere { members: self, nature, failure: None };
        let answer = pipeline.query_async::<Value>(&mut connection).await;
        match (answer, connection.failure) {
            (Ok(value), _) => Ok(value),
            (Err(_), Some(failure)) => Err(failure),
            (Err(cause), None) => {
                let error = crate::classify::error(self.name(), cause);
                Err(partly(error.kind(), self.name(), error))
            }
        }
    }

    /// The answers, errors of the servers among them.
    pub(super) async fn several(&self, commands: &[Cmd], nature: Nature) -> Result<Vec<Value>, Error> {
        let parts = self.parts(commands).await?;
        let answers = join_all(parts.iter().map(|part| self.send(part, commands, nature))).await;
        let is_all = answers.len() == 1;
        let mut values = vec![Value::Nil; commands.len()];
        let mut failure: Option<Error> = None;
        let mut executed = false;
        for ((_, numbers), answer) in parts.iter().zip(answers) {
            match answer {
                Ok(answers) => {
                    executed = true;
                    for (number, answer) in numbers.iter().zip(answers) {
                        values[*number] = answer;
                    }
                }
                Err(error) => {
                    executed |= error.may_have_executed();
                    failure = Some(error);
                }
            }
        }
        match failure {
            None => {}
            Some(error) if is_all || !executed => return Err(error),
            Some(error) => return Err(partly(error.kind(), self.name(), error)),
        }
        // In order, so that of two commands on one key the second comes second there too.
        for (number, command) in commands.iter().enumerate() {
            let is_elsewhere = matches!(&values[number],
                Value::ServerError(error) if matches!(error.code(), "MOVED" | "ASK"));
            if is_elsewhere {
                values[number] = self.again(command, nature).await?;
            }
        }
        Ok(values)
    }

    /// Which of the commands go where. Those that belong anywhere go with the first that does not.
    async fn parts(&self, commands: &[Cmd]) -> Result<Vec<Part>, Error> {
        let mut parts: Vec<Part> = Vec::new();
        let mut anywhere = Vec::new();
        for (number, command) in commands.iter().enumerate() {
            let Some(slot) = self.slot(Nature::of(command).name, command)? else {
                anywhere.push(number);
                continue;
            };
            let member = self.owner(Some(slot)).await?;
            match parts.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &member)) {
                Some((_, numbers)) => numbers.push(number),
                None => parts.push((member, vec![number])),
            }
        }
        match parts.first_mut() {
            _ if anywhere.is_empty() => {}
            Some((_, numbers)) => {
                numbers.append(&mut anywhere);
                numbers.sort_unstable();
            }
            None => parts.push((self.owner(None).await?, anywhere)),
        }
        Ok(parts)
    }

    async fn send(&self, part: &Part, commands: &[Cmd], nature: Nature) -> Result<Vec<Value>, Error> {
        let (member, numbers) = part;
        let mut pipeline = Pipeline::new();
        for number in numbers {
            pipeline.add_command(commands[*number].clone());
        }
        pipeline.ignore_errors();
        let request = Request::pipelined(pipeline, nature);
        let answer = match self.read(member, &request).await {
            Some(answer) => answer,
            None => member.call(request).await,
        };
        match answer {
            Ok(Reply::Value(Value::Array(answers))) if answers.len() == numbers.len() => Ok(answers),
            Ok(_) => Err(crate::client::strange("fewer answers than commands")),
            Err(error) => {
                self.doubt(&error);
                Err(error)
            }
        }
    }

    /// A command that was sent elsewhere. Others are done by now.
    async fn again(&self, command: &Cmd, nature: Nature) -> Result<Value, Error> {
        let own = Nature::of(command);
        let slot = self.slot(own.name, command)?;
        let request = Request::known(
            command.clone(),
            Nature { lane: nature.lane, at_primary: nature.at_primary, ..own },
        );
        match self.follow(slot, request).await {
            Ok(Reply::Value(value)) => Ok(value),
            Ok(Reply::Session(_)) => Err(crate::client::strange("a session in place of a value")),
            Err(error) => Err(partly(error.kind(), self.name(), error)),
        }
    }
}

pub(super) fn partly(kind: seawall_core::FailureKind, name: Arc<str>, error: Error) -> Error {
    Error::new(kind, LAYER, name)
        .with_message("one of several commands failed, the others may have been carried out")
        .with_source(error)
}

/// All servers of a cluster as one connection.
struct Everywhere<'a> {
    members: &'a Members,
    nature: Nature,
    /// What went wrong, which the driver has no words for.
    failure: Option<Error>,
}

impl ConnectionLike for Everywhere<'_> {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let mut answers = self.ask(std::slice::from_ref(command)).await?;
            Ok(answers.pop().unwrap_or(Value::Nil))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        _offset: usize,
        _count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let commands: Vec<Cmd> = pipeline.cmd_iter().cloned().collect();
            self.ask(&commands).await
        })
    }

    fn get_db(&self) -> i64 {
        0
    }
}

impl Everywhere<'_> {
    async fn ask(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, RedisError> {
        self.members.several(commands, self.nature).await.map_err(|error| {
            self.failure = Some(error);
            RedisError::from((redis::ErrorKind::Client, "the failure is told beside"))
        })
    }
}
