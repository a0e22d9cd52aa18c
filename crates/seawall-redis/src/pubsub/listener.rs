//! The task behind a subscription.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::Msg;
use redis::aio::{PubSubSink, PubSubStream};
use seawall_core::{Error, FailureKind, exponential};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{Gap, Heard, Message, Subscription};
use crate::classify;
use crate::dial::Dialer;

/// Messages that may wait to be taken.
const MOST_WAITING: usize = 1024;
/// A connection on which nothing was heard for so long is asked whether it lives.
const SILENCE: Duration = Duration::from_secs(10);
/// The pause before the second attempt to connect, and the longest.
const DELAYS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// What is listened to.
#[derive(Clone)]
pub(crate) struct Channels {
    pub(crate) names: Vec<String>,
    pub(crate) patterns: Vec<String>,
}

/// Where a client listens.
pub(crate) struct Post {
    name: Arc<str>,
    patience: Duration,
    closed: watch::Receiver<bool>,
    /// Asked again for each connection.
    server: Box<dyn Fn() -> Result<Arc<Dialer>, Error> + Send + Sync>,
}

impl Post {
    /// At the server that `server` finds; `closed` changes, or ends, with the client.
    pub(crate) fn new(
        name: Arc<str>,
        patience: Option<Duration>,
        closed: watch::Receiver<bool>,
        server: impl Fn() -> Result<Arc<Dialer>, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { name, patience: patience.unwrap_or(SILENCE), closed, server: Box::new(server) }
    }
}

struct Listener {
    post: Post,
    channels: Channels,
    heard: mpsc::Sender<Heard>,
    overflowed: bool,
}

type Connection = (PubSubSink, PubSubStream);

/// Listens from now on.
pub(super) async fn listen(post: Post, channels: Channels) -> Result<Subscription, Error> {
    let (mut listener, heard) = Listener::new(post, channels);
    let connection = listener.connect().await?;
    Ok(Subscription {
        heard,
        _task: AbortOnDropHandle::new(tokio::spawn(async move { listener.run(Some(connection)).await })),
    })
}

impl Subscription {
    /// Listens as soon as there is a connection, which is the first thing heard.
    pub(crate) fn lazy(post: Post, channels: Channels) -> Self {
        let (mut listener, heard) = Listener::new(post, channels);
        let task = tokio::spawn(async move { listener.run(None).await });
        Self { heard, _task: AbortOnDropHandle::new(task) }
    }
}

impl Listener {
    fn new(post: Post, channels: Channels) -> (Self, mpsc::Receiver<Heard>) {
        let (heard, taken) = mpsc::channel(MOST_WAITING);
        (Self { post, channels, heard, overflowed: false }, taken)
    }

    async fn run(&mut self, mut connection: Option<Connection>) {
        loop {
            let (sink, stream) = if let Some(first) = connection.take() {
                first
            } else {
                let again = self.reconnect().await;
                self.tell(Heard::Gap(Gap::Resumed));
                again
            };
            if self.pass_on(sink, stream).await {
                return;
            }
            self.tell(Heard::Gap(Gap::Lost));
        }
    }

    /// Passes messages on until the connection is lost; says whether the client was closed.
    async fn pass_on(&mut self, mut sink: PubSubSink, mut stream: PubSubStream) -> bool {
        loop {
            tokio::select! {
                message = timeout(SILENCE, stream.next()) => match message {
                    Ok(Some(message)) => self.tell(Heard::Message(Message::from(message))),
                    Ok(None) => return false,
                    Err(_silence) => {
                        if !matches!(timeout(self.post.patience, sink.ping::<redis::Value>()).await, Ok(Ok(_))) {
                            return false;
                        }
                    }
                },
                _ = self.post.closed.changed() => return true,
            }
        }
    }

    async fn reconnect(&mut self) -> Connection {
        for step in 0.. {
            if let Ok(connection) = self.connect().await {
                return connection;
            }
            let planned = exponential(DELAYS.0, 2.0, step, DELAYS.1);
            sleep(planned / 2 + (planned / 2).mul_f64(fastrand::f64())).await;
        }
        unreachable!("the attempts to connect are not counted to an end")
    }

    /// A connection that listens to all of the channels.
    async fn connect(&mut self) -> Result<Connection, Error> {
        let (mut sink, stream) = (self.post.server)()?.listen().await?.split();
        let Channels { names, patterns } = &self.channels;
        let subscribe = async {
            if !names.is_empty() {
                sink.subscribe(names).await?;
            }
            if !patterns.is_empty() {
                sink.psubscribe(patterns).await?;
            }
            Ok(())
        };
        let failed = |cause| classify::error(Arc::clone(&self.post.name), cause);
        match timeout(self.post.patience, subscribe).await {
            Ok(result) => result.map_err(failed)?,
            Err(_elapsed) => {
                return Err(Error::new(FailureKind::Timeout, classify::LAYER, Arc::clone(&self.post.name))
                    .with_message("no answer to a subscription in time"));
            }
        }
        Ok((sink, stream))
    }

    /// Hands something over, or remembers that it could not.
    fn tell(&mut self, heard: Heard) {
        if self.overflowed {
            match self.heard.try_send(Heard::Gap(Gap::Overflowed)) {
                Ok(()) => self.overflowed = false,
                Err(_full) => return,
            }
        }
        self.overflowed = self.heard.try_send(heard).is_err();
    }
}

impl From<Msg> for Message {
    fn from(message: Msg) -> Self {
        let payload = redis::Value::BulkString(message.get_payload_bytes().to_vec());
        Self { channel: message.get_channel_name().to_owned(), payload }
    }
}
