//! Connections in memory, so that time can stand still and move only when everybody waits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt, TryStreamExt};
use http::Request;
use seawall_core::{CallContext, Error, FailureKind};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::actor::{Connect, reconnects_by_default};
use super::builder::open;
use super::handshake::Connection;
use super::{Message, WebSocket, WebSocketConfig};
use crate::reconnect::{Incoming, ReconnectConfig};
use crate::target::CallName;

const SECOND: Duration = Duration::from_secs(1);

type Server = WebSocketStream<DuplexStream>;

/// A stream whose connections come out at the other end, each with the id it was told and the time it was made.
struct World {
    servers: mpsc::UnboundedReceiver<(Server, Option<String>, Duration)>,
}

fn config() -> WebSocketConfig {
    let reconnect = ReconnectConfig { jitter: 0.0, ..ReconnectConfig::default() };
    WebSocketConfig { reconnect, ..WebSocketConfig::default() }
}

fn name() -> CallName {
    CallName::of(&Request::get("https://a.example/socket?token=1").body(()).unwrap())
}

/// `fails` says which attempts fail, and how.
fn connector(fails: impl Fn(usize) -> Option<Error> + Send + Sync + 'static) -> (Connect, World) {
    let (sender, servers) = mpsc::unbounded_channel();
    let (begun, attempts) = (Instant::now(), Mutex::new(0));
    let connect: Connect = Box::new(move |id| {
        let (sender, id) = (sender.clone(), id.map(str::to_owned));
        let attempt = {
            let mut attempts = attempts.lock().unwrap();
            *attempts += 1;
            *attempts
        };
        let failure = fails(attempt);
        Box::pin(async move {
            if let Some(error) = failure {
                return Err(error);
            }
            let (ours, theirs) = tokio::io::duplex(4096);
            let server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
            sender.send((server, id, begun.elapsed())).unwrap();
            Ok(Box::new(ours) as Box<dyn Connection>)
        })
    });
    (connect, World { servers })
}

async fn start(config: WebSocketConfig) -> (WebSocket, World) {
    let (connect, world) = connector(|_| None);
    let deadline = CallContext::current_deadline().map(Instant::from_std);
    let greet = Box::new(|id: Option<&str>| match id {
        Some(id) => vec![Message::from(format!("after {id}"))],
        None => vec![Message::from("all")],
    });
    let socket = open(name(), config, connect, greet, Box::new(reconnects_by_default), true, deadline);
    (socket.await.unwrap(), world)
}

async fn text(server: &mut Server) -> String {
    loop {
        match server.next().await.unwrap().unwrap() {
            Frame::Text(text) => return text.as_str().to_owned(),
            Frame::Ping(_) | Frame::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn item(incoming: Option<Incoming<Message>>) -> String {
    match incoming {
        Some(Incoming::Item(message)) => message.as_text().unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_connection_begins_with_the_greeting_and_goes_on_after_what_was_acknowledged() {
    let (mut socket, mut world) = start(config()).await;
    let (mut server, id, _) = world.servers.recv().await.unwrap();
    assert_eq!((id, text(&mut server).await.as_str()), (None, "all"));
    server.send(Frame::text("1")).await.unwrap();
    assert_eq!(item(socket.try_next().await.unwrap()), "1");
    drop(server);

    let (mut server, id, at) = world.servers.recv().await.unwrap();
    assert_eq!((id, at), (None, SECOND));
    assert_eq!(text(&mut server).await, "all");
    let Some(Incoming::Reconnected(gap)) = socket.try_next().await.unwrap() else { panic!() };
    assert_eq!((gap.attempts, gap.away, gap.may_have_missed, gap.resumed_from), (1, SECOND, true, None));
    socket.acknowledge("7");
    drop(server);

    let (mut server, id, _) = world.servers.recv().await.unwrap();
    assert_eq!((id.as_deref(), text(&mut server).await.as_str()), (Some("7"), "after 7"));
    let Some(Incoming::Reconnected(gap)) = socket.try_next().await.unwrap() else { panic!() };
    assert_eq!((gap.may_have_missed, gap.resumed_from.as_deref()), (false, Some("7")));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_is_asked_and_one_that_is_dead_is_left() {
    let (mut socket, mut world) = start(config()).await;
    let (server, ..) = world.servers.recv().await.unwrap();
    // It answers pings when it reads on; the fifth is never answered.
    let (mut writer, mut reader) = server.split();
    let alive = tokio::spawn(async move {
        let mut pings = 0;
        while pings < 5 {
            pings += usize::from(matches!(reader.next().await, Some(Ok(Frame::Ping(_)))));
        }
        reader
    });
    let begun = Instant::now();
    let waiting = tokio::spawn(async move {
        let next = socket.try_next().await;
        (next, socket)
    });
    let reader = alive.await.unwrap();
    assert_eq!(begun.elapsed(), 100 * SECOND);
    // Nothing is said and nothing is read any more, and nobody says that the connection is gone.
    let (_, _, at) = world.servers.recv().await.unwrap();
    assert_eq!(at, (100 + 10 + 1) * SECOND);
    let (next, _socket) = waiting.await.unwrap();
    let Some(Incoming::Reconnected(gap)) = next.unwrap() else { panic!() };
    assert_eq!(gap.away, SECOND);
    drop(reader);
    let _broken = writer.flush().await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_makes_the_server_wait_and_loses_no_connection() {
    let queue = 2.try_into().unwrap();
    let (mut socket, mut world) = start(WebSocketConfig { incoming_queue: queue, ..config() }).await;
    let (mut server, ..) = world.servers.recv().await.unwrap();
    let sent = Arc::new(Mutex::new(0));
    let count = Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        for number in 0..100 {
            server.send(Frame::text(format!("{number} {}", "x".repeat(2000)))).await.unwrap();
            *count.lock().unwrap() += 1;
        }
        server
    });
    tokio::time::sleep(3600 * SECOND).await;
    let while_nobody_read = *sent.lock().unwrap();
    assert!(while_nobody_read < 30, "{while_nobody_read}");
    for number in 0..100 {
        assert!(item(socket.try_next().await.unwrap()).starts_with(&format!("{number} ")));
    }
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn senders_wait_for_their_turn_and_until_there_is_a_connection_again() {
    let queue = 1.try_into().unwrap();
    let (mut socket, mut world) = start(WebSocketConfig { outgoing_queue: queue, ..config() }).await;
    let (mut server, ..) = world.servers.recv().await.unwrap();
    socket.send("a").await.unwrap();
    assert_eq!((text(&mut server).await, text(&mut server).await), ("all".into(), "a".into()));
    drop(server);
    let reading = tokio::spawn(async move {
        let gap = socket.try_next().await.unwrap();
        assert!(matches!(gap, Some(Incoming::Reconnected(_))));
        socket
    });
    // It breaks first, and then there is nothing to send to.
    tokio::time::sleep(SECOND / 2).await;
    let (mut server, socket) = {
        let reading = reading;
        let (server, ..) = world.servers.recv().await.unwrap();
        (server, reading.await.unwrap())
    };
    let sender = socket.sender();
    let sends = (0..5).map(|number| {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(number.to_string()).await })
    });
    let sends: Vec<_> = sends.collect();
    assert_eq!(text(&mut server).await, "all");
    for number in 0..5 {
        assert_eq!(text(&mut server).await, number.to_string());
    }
    for send in sends {
        send.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_waits_for_the_next_connection_at_most_until_its_deadline() {
    let (socket, mut world) = start(config()).await;
    let (server, ..) = world.servers.recv().await.unwrap();
    drop(server);
    tokio::time::sleep(SECOND / 2).await;
    let context = CallContext::default().within(SECOND / 4, Instant::now().into_std());
    let error = context.scope(socket.send("late")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    let (sent, server) = tokio::join!(socket.send("in time"), world.servers.recv());
    sent.unwrap();
    let mut server = server.unwrap().0;
    assert_eq!(text(&mut server).await, "all");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_says_when_it_closes_decides_what_follows() {
    let close = |code: u16| Frame::Close(Some(CloseFrame { code: code.into(), reason: "because".into() }));
    for code in [1001, 1011, 1012, 1013, 3000] {
        let (mut socket, mut world) = start(config()).await;
        let (mut server, ..) = world.servers.recv().await.unwrap();
        server.send(close(code)).await.unwrap();
        while server.next().await.is_some_and(|frame| frame.is_ok()) {}
        let again = world.servers.recv().await.unwrap();
        assert!(matches!(socket.try_next().await.unwrap(), Some(Incoming::Reconnected(_))), "{code}");
        drop(again);
    }
    let (mut socket, mut world) = start(config()).await;
    let (mut server, ..) = world.servers.recv().await.unwrap();
    server.send(close(1000)).await.unwrap();
    while server.next().await.is_some_and(|frame| frame.is_ok()) {}
    assert_eq!(socket.try_next().await.unwrap(), None);
    let error = socket.send("late").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Cancelled, false));
    for code in [1002, 1008, 4001] {
        let (mut socket, mut world) = start(config()).await;
        let (mut server, ..) = world.servers.recv().await.unwrap();
        server.send(close(code)).await.unwrap();
        while server.next().await.is_some_and(|frame| frame.is_ok()) {}
        let error = socket.try_next().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        let expected = format!("the server closed the websocket with code {code}: \"because\"");
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert_eq!(socket.try_next().await.unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn closing_is_agreed_upon_and_waits_only_so_long() {
    let (socket, mut world) = start(config()).await;
    let (mut server, ..) = world.servers.recv().await.unwrap();
    let serving = tokio::spawn(async move {
        text(&mut server).await;
        server.next().await.unwrap().unwrap()
    });
    let sender = socket.sender();
    socket.close(1000, "enough").await;
    let Frame::Close(Some(frame)) = serving.await.unwrap() else { panic!() };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1000, "enough"));
    assert_eq!(sender.send("late").await.unwrap_err().kind(), FailureKind::Cancelled);

    let (socket, mut world) = start(config()).await;
    let _silent = world.servers.recv().await.unwrap();
    let begun = Instant::now();
    socket.close(1000, "").await;
    assert_eq!(begun.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn who_drops_the_stream_closes_the_connection() {
    let (socket, mut world) = start(config()).await;
    let (mut server, ..) = world.servers.recv().await.unwrap();
    text(&mut server).await;
    drop(socket);
    let Frame::Close(Some(frame)) = server.next().await.unwrap().unwrap() else { panic!() };
    assert_eq!(u16::from(frame.code), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_ends_it() {
    let (mut socket, mut world) = start(WebSocketConfig { max_message_size: 10, ..config() }).await;
    let (mut server, ..) = world.servers.recv().await.unwrap();
    server.send(Frame::text("0123456789")).await.unwrap();
    server.send(Frame::text("0123456789+")).await.unwrap();
    assert_eq!(item(socket.try_next().await.unwrap()), "0123456789");
    let error = socket.try_next().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(
        error.to_string().contains("a message is larger than max_message_size allows: 10 bytes"),
        "{error}"
    );
    assert!(!error.to_string().contains("token"));
}

#[tokio::test(start_paused = true)]
async fn it_ends_at_its_deadline_whatever_it_is_doing() {
    let begun = Instant::now();
    let context = CallContext::default().within(30 * SECOND, begun.into_std());
    let (mut socket, mut world) = context.scope(start(config())).await;
    let (mut server, ..) = world.servers.recv().await.unwrap();
    let serving =
        tokio::spawn(async move { while server.next().await.is_some_and(|frame| frame.is_ok()) {} });
    let error = socket.try_next().await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed()), (FailureKind::Timeout, 30 * SECOND));
    serving.await.unwrap();
}

async fn attempt(
    config: WebSocketConfig,
    fails: impl Fn(usize) -> Option<Error> + Send + Sync + 'static,
) -> Result<WebSocket, Error> {
    let (connect, _world) = connector(fails);
    let nothing = Box::new(|_: Option<&str>| Vec::new());
    open(name(), config, connect, nothing, Box::new(reconnects_by_default), false, None).await
}

#[tokio::test(start_paused = true)]
async fn the_first_connection_is_tried_for_as_well() {
    let broken = || Some(Error::new(FailureKind::Transient, "http", "test"));
    let begun = Instant::now();
    attempt(config(), move |attempt| if attempt < 4 { broken() } else { None }).await.unwrap();
    assert_eq!(begun.elapsed(), (1 + 2 + 4) * SECOND);

    let mut config = config();
    config.reconnect.max_attempts = Some(2.try_into().unwrap());
    let error = attempt(config.clone(), move |_| broken()).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient);
    let error =
        attempt(config, |_| Some(Error::new(FailureKind::Permanent, "http", "test"))).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
}
