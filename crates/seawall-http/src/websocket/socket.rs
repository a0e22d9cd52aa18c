use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::Stream;
use seawall_core::{CallContext, Error, FailureKind};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

use super::Message;
use super::session::{Delivered, Goodbye, Outgoing};
use crate::reconnect::Incoming;
use crate::target::CallName;

/// A WebSocket that connects again when it breaks. See the [module](super).
///
/// It is a [`Stream`] of what the server sends. After an error it is over. Dropped, it closes its connection.
pub struct WebSocket {
    incoming: mpsc::Receiver<Delivered>,
    sender: WebSocketSender,
    acknowledged: Acknowledged,
    goodbye: oneshot::Sender<Goodbye>,
}

/// The sending side of a [`WebSocket`], which many may have.
#[derive(Clone)]
pub struct WebSocketSender {
    name: CallName,
    outgoing: mpsc::Sender<Outgoing>,
}

/// The last id that was acknowledged.
#[derive(Clone, Default)]
pub(super) struct Acknowledged(Arc<Mutex<Option<String>>>);

impl WebSocket {
    pub(super) fn new(
        name: CallName,
        incoming: mpsc::Receiver<Delivered>,
        outgoing: mpsc::Sender<Outgoing>,
        acknowledged: Acknowledged,
        goodbye: oneshot::Sender<Goodbye>,
    ) -> Self {
        Self { incoming, sender: WebSocketSender { name, outgoing }, acknowledged, goodbye }
    }

    /// The sending side, for another task.
    pub fn sender(&self) -> WebSocketSender {
        self.sender.clone()
    }

    /// As [`WebSocketSender::send`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.sender.send(message).await
    }

    /// Says that everything up to the message with this id has been dealt with: a connection that is made anew goes on
    /// after it, if [`resume`](super::WebSocketBuilder::resume) or [`greet`](super::WebSocketBuilder::greet) tells the
    /// server.
    pub fn acknowledge(&self, id: impl Into<String>) {
        self.acknowledged.set(id.into());
    }

    /// Closes it in order: says so to the server, waits for its answer for `close_timeout` at most, and returns when the
    /// connection is closed. What the server sends meanwhile is dropped.
    ///
    /// Cancel safe: the closing goes on.
    pub async fn close(self, code: u16, reason: impl Into<String>) {
        let (closed, is_closed) = oneshot::channel();
        // There is nothing to close when there is no connection.
        if self.goodbye.send(Goodbye { code, reason: reason.into(), closed }).is_ok() {
            let _no_connection = is_closed.await;
        }
    }
}

impl WebSocketSender {
    /// Sends a message, and returns once it is written to the connection. It waits while the queue is full, and while
    /// the stream connects again, at most until the deadline of the current [`CallContext`].
    ///
    /// That a message was written does not say that it arrived: only an answer of the server does. What must not be lost
    /// is to be sent again after [`Incoming::Reconnected`].
    ///
    /// # Errors
    ///
    /// [`Transient`](FailureKind::Transient) if the connection broke while the message was being written: whether it
    /// arrived is unknown. [`Cancelled`](FailureKind::Cancelled) if the stream is over.
    /// [`Timeout`](FailureKind::Timeout) at the deadline; a message that had its place in the queue may still be sent.
    ///
    /// Cancel safe for the stream; whether a dropped message is sent is unknown.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        let (sent, is_sent) = oneshot::channel();
        let sending = async {
            if self.outgoing.send(Outgoing { message, sent }).await.is_err() {
                return Err(self.error(FailureKind::Cancelled, "the websocket is closed").not_executed());
            }
            is_sent.await.map_err(|_broke| {
                self.error(FailureKind::Transient, "the connection broke before the message was sent whole")
            })
        };
        match CallContext::current_deadline() {
            None => sending.await,
            Some(deadline) => timeout_at(deadline.into(), sending).await.unwrap_or_else(|_elapsed| {
                Err(self.error(FailureKind::Timeout, "the deadline passed before the message was sent"))
            }),
        }
    }

    fn error(&self, kind: FailureKind, message: &'static str) -> Error {
        Error::new(kind, "http", &self.name).with_message(message)
    }
}

impl Acknowledged {
    pub(super) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, id: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
    }
}

impl Stream for WebSocket {
    type Item = Result<Incoming<Message>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.incoming.poll_recv(cx)
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("request", &self.sender.name.to_string()).finish_non_exhaustive()
    }
}

impl fmt::Debug for WebSocketSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketSender").field("request", &self.name.to_string()).finish_non_exhaustive()
    }
}
