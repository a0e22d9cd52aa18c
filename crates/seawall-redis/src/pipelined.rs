use redis::{FromRedisValue, Pipeline, ToRedisArgs};
use seawall_core::{Error, FailureKind, Idempotency};

use crate::classify::LAYER;
use crate::nature::{Lane, Nature};
use crate::{Redis, Request};

/// Several commands that are sent at once and answered together: made by [`Redis::pipelined`].
///
/// Sent as they are, others' commands may be carried out in between, and each fails by itself; the first failure is the
/// error of all. With [`atomic`](Self::atomic) they are one transaction (`MULTI`, `EXEC`).
#[derive(Clone, Debug)]
#[must_use = "commands do nothing until they are queried or executed"]
pub struct Pipelined<'a> {
    client: Option<&'a Redis>,
    pipeline: Pipeline,
    idempotency: Idempotency,
    at_primary: bool,
}

impl<'a> Pipelined<'a> {
    pub(crate) fn new(client: &'a Redis) -> Self {
        Self { client: Some(client), ..Self::default() }
    }

    /// Begins the next command by its name.
    pub fn command(mut self, name: &str) -> Self {
        self.pipeline.cmd(name);
        self
    }

    /// Adds an argument to the command that was begun last, or several.
    ///
    /// # Panics
    /// If no command was begun.
    pub fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.pipeline.arg(argument);
        self
    }

    /// Leaves the answer of the command that was begun last out of the answer.
    pub fn ignore(mut self) -> Self {
        self.pipeline.ignore();
        self
    }

    /// Makes all of them one transaction: either all are carried out, without others in between, or none.
    pub fn atomic(mut self) -> Self {
        self.pipeline.atomic();
        self
    }

    /// Says that executing all of them twice does the same as executing them once, so that they may be retried.
    pub fn idempotent(mut self) -> Self {
        self.idempotency = Idempotency::Idempotent;
        self
    }

    /// Has them answered by the primary, whatever [`ReadFrom`](crate::ReadFrom) prefers, though all of them only read.
    pub const fn at_primary(mut self) -> Self {
        self.at_primary = true;
        self
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.pipeline.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pipeline.is_empty()
    }

    /// Sends them, and reads the answers as a `T`: a tuple, or a list.
    ///
    /// # Errors
    /// The first failure among them, or that of sending them; nothing is undone. [`FailureKind::Permanent`] if one of
    /// them does not belong here: it changes the connection, or it would block all that share it.
    pub async fn query<T: FromRedisValue>(self) -> Result<T, Error> {
        let client = self.client.ok_or_else(|| wrong("they belong to a transaction, which sends them"))?;
        if self.pipeline.is_empty() {
            return crate::client::read(redis::Value::Array(Vec::new()));
        }
        let request = self.into_request()?;
        client.ask(request).await
    }

    /// Sends them, and reads nothing of the answers but whether one is an error.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn execute(self) -> Result<(), Error> {
        self.query::<redis::Value>().await.map(drop)
    }

    pub(crate) fn into_pipeline(self) -> Result<Pipeline, Error> {
        let in_transaction = self.pipeline.is_transaction();
        for command in self.pipeline.cmd_iter() {
            let nature = Nature::of(command);
            match nature.lane {
                Lane::Session | Lane::Subscription => {
                    return Err(wrong(format!("`{}` changes the connection it is sent over", nature.name)));
                }
                // In a transaction it does not block.
                Lane::Blocking(_) if !in_transaction => {
                    return Err(wrong(format!(
                        "`{}` would block all that share the connection",
                        nature.name
                    )));
                }
                _ => {}
            }
        }
        Ok(self.pipeline)
    }

    fn into_request(self) -> Result<Request, Error> {
        let at_primary = self.at_primary;
        let natures = || self.pipeline.cmd_iter().map(Nature::of);
        let idempotency = match self.idempotency {
            Idempotency::Unspecified if natures().all(|one| one.idempotency == Idempotency::Idempotent) => {
                Idempotency::Idempotent
            }
            Idempotency::Unspecified => Idempotency::NotIdempotent,
            said => said,
        };
        let lane = if natures().any(|one| one.lane == Lane::Slow) { Lane::Slow } else { Lane::Shared };
        let name = if self.pipeline.is_transaction() { "MULTI" } else { "PIPELINE" };
        Ok(Request::pipelined(self.into_pipeline()?, Nature { name, lane, idempotency, at_primary }))
    }
}

/// None yet, and no client to send them: for the body of a [`transaction`](Redis::transaction).
impl Default for Pipelined<'_> {
    fn default() -> Self {
        Self {
            client: None,
            pipeline: Pipeline::new(),
            idempotency: Idempotency::Unspecified,
            at_primary: false,
        }
    }
}

fn wrong(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(FailureKind::Permanent, LAYER, "pipeline").not_executed().with_message(message)
}
