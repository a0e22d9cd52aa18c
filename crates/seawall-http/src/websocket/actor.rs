//! The task behind a stream: it connects, serves the connection, and connects again.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use seawall_core::{Error, FailureKind};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig as FrameConfig};

use super::handshake::Connection;
use super::session::{Delivered, Ended, Goodbye, Outgoing, Session};
use super::socket::Acknowledged;
use super::{Message, WebSocketConfig};
use crate::reconnect::Outage;
use crate::target::CallName;

/// Makes a connection, on which the server is told to go on after the id.
pub(super) type Connect =
    Box<dyn Fn(Option<&str>) -> Pin<Box<dyn Future<Output = Connected> + Send>> + Send + Sync>;
pub(super) type Connected = Result<Box<dyn Connection>, Error>;
/// The messages that begin a connection.
pub(super) type Greet = Box<dyn Fn(Option<&str>) -> Vec<Message> + Send + Sync>;
/// Whether a close by the server with this code is to be followed by another connection.
pub(super) type ReconnectIf = Box<dyn Fn(Option<u16>) -> bool + Send + Sync>;

pub(super) struct Actor {
    pub(super) name: CallName,
    pub(super) config: WebSocketConfig,
    pub(super) connect: Connect,
    pub(super) greet: Greet,
    pub(super) reconnect_if: ReconnectIf,
    /// Whether an id that was acknowledged reaches the server.
    pub(super) resumes: bool,
    pub(super) acknowledged: Acknowledged,
    pub(super) outage: Outage,
    pub(super) incoming: mpsc::Sender<Delivered>,
    pub(super) outgoing: mpsc::Receiver<Outgoing>,
    pub(super) goodbye: oneshot::Receiver<Goodbye>,
    /// Who waits for the first connection.
    pub(super) ready: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Actor {
    pub(super) async fn run(mut self) {
        let ended = match self.outage.deadline() {
            None => self.live().await,
            Some(deadline) => timeout_at(deadline, self.live()).await.unwrap_or_else(|_elapsed| {
                Err(Error::new(FailureKind::Timeout, "http", &self.name)
                    .with_message("the deadline of the stream passed"))
            }),
        };
        let Err(error) = ended else { return };
        // Whoever waits to send has nothing to wait for any more.
        self.outgoing.close();
        while self.outgoing.try_recv().is_ok() {}
        match self.ready.take() {
            Some(ready) => drop(ready.send(Err(error))),
            None => drop(self.incoming.send(Err(error)).await),
        }
    }

    /// Connects as often as it takes.
    async fn live(&mut self) -> Result<(), Error> {
        loop {
            let id = self.acknowledged.get().filter(|_| self.resumes);
            self.outage.attempt();
            let connecting = (self.connect)(id.as_deref());
            let connected = tokio::select! {
                connected = connecting => connected,
                _goodbye = &mut self.goodbye => return Ok(()),
            };
            let cause = match connected {
                Err(cause) => cause,
                Ok(connection) => match self.serve(connection, id).await {
                    Ended::Finished => return Ok(()),
                    Ended::Broke(cause) => cause,
                    Ended::Closed { code, reason } => match self.closed(code, &reason)? {
                        Some(cause) => cause,
                        None => return Ok(()),
                    },
                },
            };
            let until = self.outage.broke(cause)?;
            tokio::select! {
                () = sleep_until(until) => {}
                _goodbye = &mut self.goodbye => return Ok(()),
            }
        }
    }

    async fn serve(&mut self, connection: Box<dyn Connection>, id: Option<String>) -> Ended {
        let greeting = (self.greet)(id.as_deref());
        let gap = self.outage.over(id);
        if let Some(ready) = self.ready.take() {
            let _gone = ready.send(Ok(()));
        }
        let limits = FrameConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(self.config.max_message_size))
            .max_frame_size(Some(self.config.max_message_size));
        let socket = WebSocketStream::from_raw_socket(connection, Role::Client, Some(limits)).await;
        let heard = AtomicBool::new(false);
        let session = Session {
            name: &self.name,
            config: &self.config,
            incoming: &self.incoming,
            outgoing: &mut self.outgoing,
            goodbye: &mut self.goodbye,
            gap,
            heard: &heard,
        };
        let ended = session.serve(socket, greeting).await;
        if heard.load(Ordering::Relaxed) {
            self.outage.backoff().reset();
        }
        ended
    }

    /// What a close by the server means: the reason to connect again, `None` that the stream is over, or why it failed.
    fn closed(&self, code: Option<u16>, reason: &str) -> Result<Option<Error>, Error> {
        let words = match code {
            Some(code) => format!("the server closed the websocket with code {code}: {reason:?}"),
            None => "the server closed the websocket without a reason".to_owned(),
        };
        let error = |kind| Error::new(kind, "http", &self.name).with_message(words);
        if (self.reconnect_if)(code) {
            return Ok(Some(error(FailureKind::Transient)));
        }
        match code {
            Some(NORMAL) => Ok(None),
            _ => Err(error(FailureKind::Permanent)),
        }
    }
}

const NORMAL: u16 = 1000;

/// Streams are many and their messages small; larger ones are read in several parts.
const READ_BUFFER: usize = 16 * 1024;

/// Closes that another connection does not help against: the normal one, those for what one of us does wrong
/// (RFC 6455 §7.4.1), and those that only the application knows (4000 to 4999).
pub(super) fn reconnects_by_default(code: Option<u16>) -> bool {
    !matches!(code, Some(1000 | 1002 | 1003 | 1007..=1010 | 4000..=4999))
}
