//! One connection, from its first message to its last.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use seawall_core::{Error, FailureKind};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as FrameError, Message as Frame};

use super::handshake::Connection;
use super::{Message, WebSocketConfig};
use crate::reconnect::{Incoming, Reconnected};
use crate::target::CallName;

/// A message to be sent, and who waits for that.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) message: Message,
    pub(super) sent: oneshot::Sender<()>,
}

/// That the stream is to be closed.
#[derive(Debug)]
pub(super) struct Goodbye {
    pub(super) code: u16,
    pub(super) reason: String,
    pub(super) closed: oneshot::Sender<()>,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By us: there is to be no other.
    Finished,
    /// By the server, in order. Without a code it gave none.
    Closed {
        code: Option<u16>,
        reason: String,
    },
    Broke(Error),
}

pub(super) type Delivered = Result<Incoming<Message>, Error>;

/// What a connection needs of the stream that it serves.
pub(super) struct Session<'a> {
    pub(super) name: &'a CallName,
    pub(super) config: &'a WebSocketConfig,
    pub(super) incoming: &'a mpsc::Sender<Delivered>,
    pub(super) outgoing: &'a mut mpsc::Receiver<Outgoing>,
    pub(super) goodbye: &'a mut oneshot::Receiver<Goodbye>,
    /// What is to be told first.
    pub(super) gap: Option<Reconnected>,
    /// Set once the server has sent anything.
    pub(super) heard: &'a AtomicBool,
}

impl Session<'_> {
    /// Carries messages both ways until one side ends it. The greeting goes first.
    pub(super) async fn serve(
        self,
        socket: WebSocketStream<Box<dyn Connection>>,
        greeting: Vec<Message>,
    ) -> Ended {
        let (mut writer, mut reader) = socket.split();
        let ping = Notify::new();
        let (ended, goodbye) = {
            let words = Words(self.name, self.config);
            let read = read(&mut reader, self.incoming, self.gap, &ping, self.heard, words);
            let write = write(&mut writer, greeting, self.outgoing, &ping, words);
            tokio::select! {
                ended = read => (ended, None),
                ended = write => (ended, None),
                // Who drops the stream without a word closes it too.
                goodbye = self.goodbye => (Ended::Finished, goodbye.ok()),
            }
        };
        if let Ended::Finished | Ended::Closed { .. } = ended {
            let (frame, closed) = match goodbye {
                Some(Goodbye { code, reason, closed }) => (frame(code, reason), Some(closed)),
                None => (frame(1000, String::new()), None),
            };
            let _late = timeout(self.config.close_timeout, close(&mut writer, &mut reader, frame)).await;
            if let Some(closed) = closed {
                let _gone = closed.send(());
            }
        }
        ended
    }
}

#[derive(Clone, Copy)]
struct Words<'a>(&'a CallName, &'a WebSocketConfig);

/// Reads while there is room for what comes, and finds out when nothing does.
async fn read(
    reader: &mut (impl Stream<Item = Result<Frame, FrameError>> + Unpin),
    incoming: &mpsc::Sender<Delivered>,
    gap: Option<Reconnected>,
    ping: &Notify,
    heard: &AtomicBool,
    words: Words<'_>,
) -> Ended {
    if let Some(gap) = gap
        && incoming.send(Ok(Incoming::Reconnected(gap))).await.is_err()
    {
        return Ended::Finished;
    }
    let mut room = None;
    loop {
        let permit = match room.take() {
            Some(permit) => permit,
            None => match incoming.reserve().await {
                Ok(permit) => permit,
                Err(_nobody_reads) => return Ended::Finished,
            },
        };
        let frame = match next(reader, ping, words).await {
            Ok(frame) => frame,
            Err(dead) => return Ended::Broke(dead),
        };
        heard.store(true, Ordering::Relaxed);
        match frame {
            Some(Ok(Frame::Text(text))) => {
                permit.send(Ok(Incoming::Item(Message::Text(text.as_str().to_owned()))));
            }
            Some(Ok(Frame::Binary(bytes))) => permit.send(Ok(Incoming::Item(Message::Binary(bytes)))),
            Some(Ok(Frame::Close(frame))) => {
                let (code, reason) = frame.map_or((None, String::new()), |frame| {
                    (Some(u16::from(frame.code)), frame.reason.as_str().to_owned())
                });
                return Ended::Closed { code, reason };
            }
            Some(Ok(_ping_or_pong)) => room = Some(permit),
            Some(Err(error)) => return Ended::Broke(words.of(error)),
            None => return Ended::Broke(words.transient("the connection ended without being closed")),
        }
    }
}

/// The next frame; asks for a sign of life when there is none for too long.
async fn next(
    reader: &mut (impl Stream<Item = Result<Frame, FrameError>> + Unpin),
    ping: &Notify,
    words: Words<'_>,
) -> Result<Option<Result<Frame, FrameError>>, Error> {
    let Some(interval) = words.1.ping_interval else { return Ok(reader.next().await) };
    if let Ok(frame) = timeout(interval, reader.next()).await {
        return Ok(frame);
    }
    ping.notify_one();
    let patience = words.1.pong_timeout;
    timeout(patience, reader.next()).await.map_err(|_elapsed| words.silent(interval + patience))
}

/// Sends what is to be sent, one after the other.
async fn write(
    writer: &mut (impl Sink<Frame, Error = FrameError> + Unpin),
    greeting: Vec<Message>,
    outgoing: &mut mpsc::Receiver<Outgoing>,
    ping: &Notify,
    words: Words<'_>,
) -> Ended {
    for message in greeting {
        if let Err(error) = writer.send(message.into_frame()).await {
            return Ended::Broke(words.of(error));
        }
    }
    loop {
        let (frame, sent) = tokio::select! {
            // The stream itself has a sender, so there is always one.
            Some(Outgoing { message, sent }) = outgoing.recv() => (message.into_frame(), Some(sent)),
            () = ping.notified() => (Frame::Ping(bytes::Bytes::new()), None),
        };
        if let Err(error) = writer.send(frame).await {
            return Ended::Broke(words.of(error));
        }
        if let Some(sent) = sent {
            let _gone = sent.send(());
        }
    }
}

/// Says goodbye, and waits until the server did.
async fn close(
    writer: &mut (impl Sink<Frame, Error = FrameError> + Unpin),
    reader: &mut (impl Stream<Item = Result<Frame, FrameError>> + Unpin),
    frame: Frame,
) {
    // If the server was first, its goodbye is answered by reading on.
    let _closed_already = writer.send(frame).await;
    while let Some(Ok(_)) = reader.next().await {}
}

fn frame(code: u16, reason: String) -> Frame {
    Frame::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
}

impl Words<'_> {
    fn of(&self, error: FrameError) -> Error {
        let (kind, message) = match &error {
            FrameError::Capacity(_) => {
                let words = format!(
                    "a message is larger than max_message_size allows: {} bytes",
                    self.1.max_message_size
                );
                return Error::new(FailureKind::Permanent, "http", self.0)
                    .with_message(words)
                    .with_source(error);
            }
            FrameError::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | FrameError::Io(_)
            | FrameError::ConnectionClosed
            | FrameError::AlreadyClosed => (FailureKind::Transient, "the connection broke"),
            _ => (FailureKind::Permanent, "the server broke the websocket protocol"),
        };
        Error::new(kind, "http", self.0).with_message(message).with_source(error)
    }

    fn transient(&self, message: &'static str) -> Error {
        Error::new(FailureKind::Transient, "http", self.0).with_message(message)
    }

    fn silent(&self, time: Duration) -> Error {
        Error::new(FailureKind::Timeout, "http", self.0)
            .with_message(format!("nothing came for {time:?}, not even the answer to a ping"))
    }
}
