use redis::{Cmd, FromRedisValue, ToRedisArgs};
use seawall_core::{Error, Idempotency};

use crate::{Redis, Request, Session};

/// A command being put together: made by [`Redis::command`] and [`Session::command`].
///
/// Arguments travel as they are, each by its length: nothing needs to be escaped.
#[derive(Debug)]
#[must_use = "a command does nothing until it is queried or executed"]
pub struct Command<'a> {
    place: Place<'a>,
    words: Cmd,
    idempotency: Idempotency,
    at_primary: bool,
}

/// Where a command goes.
#[derive(Debug)]
enum Place<'a> {
    Client(&'a Redis),
    Session(&'a mut Session),
}

impl<'a> Command<'a> {
    pub(crate) fn on_client(client: &'a Redis, name: &str) -> Self {
        Self::new(Place::Client(client), name)
    }

    pub(crate) fn on_session(session: &'a mut Session, name: &str) -> Self {
        Self::new(Place::Session(session), name)
    }

    fn new(place: Place<'a>, name: &str) -> Self {
        Self { place, words: redis::cmd(name), idempotency: Idempotency::Unspecified, at_primary: false }
    }

    /// Adds an argument, or several: a number, a text, bytes, a list or a map of these.
    pub fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.words.arg(argument);
        self
    }

    /// Says that executing it twice does the same as executing it once, so that it may be retried: for scripts, and
    /// where the table of commands is too careful.
    pub fn idempotent(mut self) -> Self {
        self.idempotency = Idempotency::Idempotent;
        self
    }

    /// Says that it must not be made again once it may have been executed.
    pub fn not_idempotent(mut self) -> Self {
        self.idempotency = Idempotency::NotIdempotent;
        self
    }

    /// Has it answered by the primary, whatever [`ReadFrom`](crate::ReadFrom) prefers: it must see what was written before.
    pub const fn at_primary(mut self) -> Self {
        self.at_primary = true;
        self
    }

    /// Sends it, and reads the answer as a `T`.
    ///
    /// # Errors
    /// What the server says, by the kind that it has for everybody; [`Permanent`](seawall_core::FailureKind::Permanent)
    /// for an answer that is no `T`.
    pub async fn query<T: FromRedisValue>(self) -> Result<T, Error> {
        let request = Request::command(self.words);
        let request = match self.idempotency {
            Idempotency::Unspecified => request,
            said => request.with_idempotency(said),
        };
        let request = if self.at_primary { request.at_primary() } else { request };
        match self.place {
            Place::Client(client) => client.ask(request).await,
            Place::Session(session) => session.ask(request).await,
        }
    }

    /// Sends it, and reads nothing of the answer but whether it is an error.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn execute(self) -> Result<(), Error> {
        self.query::<redis::Value>().await.map(drop)
    }
}
