//! Listening to channels, over a connection that comes back by itself and says when something may have been missed.

mod listener;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use redis::{FromRedisValue, ToRedisArgs, Value};
use seawall_core::Error;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::client::read;
use crate::{Redis, Request};

pub(crate) use listener::{Channels, Post};

/// What a [`Subscription`] hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A message.
    Message(Message),
    /// From here on, or between the message before and the one after, something may have been missed.
    Gap(Gap),
}

/// Why something may have been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The connection was lost: nothing is heard until [`Resumed`](Self::Resumed).
    Lost,
    /// It is back, and hears all that is said from here on. What was said meanwhile is lost.
    Resumed,
    /// Messages were dropped, because so many came that had not been taken yet.
    Overflowed,
}

/// A message on a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    channel: String,
    payload: Value,
}

impl Message {
    /// The channel that it was published on.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// What was said.
    pub fn bytes(&self) -> &[u8] {
        match &self.payload {
            Value::BulkString(bytes) => bytes,
            _ => &[],
        }
    }

    /// What was said, as a `T`.
    ///
    /// # Errors
    /// If it is no `T`.
    pub fn payload<T: FromRedisValue>(&self) -> Result<T, Error> {
        read(self.payload.clone())
    }
}

/// What is said on some channels, from the moment it was made: a stream of [`Heard`] that ends when the client is closed.
/// Dropped, it stops listening.
///
/// At most 1024 messages wait to be taken; further ones are dropped, and a [`Gap`] says so.
pub struct Subscription {
    heard: mpsc::Receiver<Heard>,
    _task: AbortOnDropHandle<()>,
}

impl Redis {
    /// Listens to channels by their names.
    ///
    /// Once it returns, all that is published is heard, until a [`Gap`] says otherwise.
    ///
    /// # Errors
    /// Why the server cannot be listened to. Later the connection comes back by itself.
    pub async fn subscribe(
        &self,
        channels: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Subscription, Error> {
        let names = channels.into_iter().map(Into::into).collect();
        listener::listen(self.post()?, Channels { names, patterns: Vec::new() }).await
    }

    /// Listens to channels by patterns, such as `news.*`.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub async fn subscribe_to_patterns(
        &self,
        patterns: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Subscription, Error> {
        let patterns = patterns.into_iter().map(Into::into).collect();
        listener::listen(self.post()?, Channels { names: Vec::new(), patterns }).await
    }

    /// Says something on a channel, and returns how many listened. Not repeated once it may have been said.
    pub fn publish(
        &self,
        channel: impl ToRedisArgs,
        payload: impl ToRedisArgs,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        let mut command = redis::cmd("PUBLISH");
        command.arg(channel).arg(payload);
        self.ask(Request::command(command))
    }
}

impl Subscription {
    /// What is heard next; `None` once the client is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }
}

impl Stream for Subscription {
    type Item = Heard;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        self.heard.poll_recv(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("waiting", &self.heard.len()).finish_non_exhaustive()
    }
}
