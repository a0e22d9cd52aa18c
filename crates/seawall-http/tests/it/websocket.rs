//! A WebSocket and its real server, which is killed and restarted behind a proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use http::StatusCode;
use seawall_core::FailureKind;
use seawall_http::reconnect::{Incoming, ReconnectConfig};
use seawall_http::websocket::{Message, WebSocketConfig};
use seawall_http::{Http, HttpConfig, Pem, TlsConfig};
use seawall_testkit::proxy::{Direction, Fault, FaultKind, FaultProxy, Faults, Rule};
use seawall_testkit::tls::{Authority, Identity};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::support::{RawServer, Then, client, client_of, everything_shown_by, serve};

/// Soon again: what waits do is tested where time stands still.
fn soon() -> WebSocketConfig {
    let reconnect = ReconnectConfig { first_wait: Duration::from_millis(1), ..ReconnectConfig::default() };
    WebSocketConfig { reconnect, ..WebSocketConfig::default() }
}

/// What servers were asked for.
type Asked = Arc<Mutex<Vec<http::Request<()>>>>;

/// A server that does this with each connection.
async fn server<F>(
    behaviour: impl Fn(WebSocketStream<TcpStream>, u64) -> F + Clone + Send + 'static,
) -> (SocketAddr, Asked)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let (behaviour, log) = (behaviour.clone(), Arc::clone(&log));
            tokio::spawn(async move {
                let mut after = 0;
                #[expect(clippy::result_large_err, reason = "it is the server's type")]
                let look = |request: &Request, response: Response| {
                    let query = request.uri().query().unwrap_or_default();
                    after = query.strip_prefix("after=").map_or(0, |after| after.parse().unwrap());
                    log.lock().unwrap().push(request.clone());
                    Ok(response)
                };
                if let Ok(socket) = accept_hdr_async(connection, look).await {
                    behaviour(socket, after).await;
                }
            });
        }
    });
    (address, asked)
}

/// Says the numbers after the one that it is told, up to 200, and then that it is done.
async fn count(mut socket: WebSocketStream<TcpStream>, after: u64) {
    for number in after + 1..=200 {
        if socket.send(Frame::text(number.to_string())).await.is_err() {
            return;
        }
    }
    let _gone = socket.close(None).await;
    while let Some(Ok(_)) = socket.next().await {}
}

async fn echo(mut socket: WebSocketStream<TcpStream>, _after: u64) {
    while let Some(Ok(frame)) = socket.next().await {
        if (frame.is_text() || frame.is_binary()) && socket.send(frame).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn messages_go_both_ways_under_the_policies_of_the_client() {
    let (address, asked) = server(echo).await;
    let http = client();
    let socket =
        http.get(format!("ws://{address}/echo?x=1")).header("x-tenant", "blue").websocket(&soon()).unwrap();
    let mut socket = socket.connect().await.unwrap();
    for message in
        [Message::from("text"), Message::from(vec![0, 159, 146, 150]), Message::from("x".repeat(100_000))]
    {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.try_next().await.unwrap(), Some(Incoming::Item(message)));
    }
    socket.close(1000, "done").await;
    assert_eq!(http.targets()[0].target, format!("http://{address}"));
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0].uri(), "/echo?x=1");
    assert_eq!(asked[0].headers()["x-tenant"], "blue");
    assert!(!asked[0].headers().contains_key("grpc-timeout"), "an attempt's time is not the stream's");
}

#[tokio::test]
async fn many_send_at_once_while_it_is_read() {
    let (address, _) = server(echo).await;
    let mut socket =
        client().get(format!("ws://{address}/")).websocket(&soon()).unwrap().connect().await.unwrap();
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let sender = socket.sender();
            tokio::spawn(async move {
                for _ in 0..50 {
                    // Together far more than the buffers on the way hold: both sides have to read to write on.
                    sender.send(vec![7; 50_000]).await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..400 {
        assert!(
            matches!(socket.try_next().await.unwrap(), Some(Incoming::Item(Message::Binary(bytes))) if bytes.len() == 50_000)
        );
    }
    for sender in senders {
        sender.await.unwrap();
    }
}

#[tokio::test]
async fn on_a_bad_network_every_message_comes_once_and_in_order() {
    let (address, asked) = server(count).await;
    let proxy = FaultProxy::start(address, 7).await.unwrap();
    let cut = Fault::ResetAfter { direction: Direction::Down, after: 300 };
    let truncated = Fault::Truncate { direction: Direction::Down, after: 400 };
    proxy.set(
        Faults::none()
            .with(cut, Rule::Numbered(0..4))
            .with(truncated, Rule::Numbered(4..6))
            .with(Fault::Reset, Rule::Numbered(6..8)),
    );
    let mut config = HttpConfig::default();
    config.pipeline.circuit_breaker.consecutive_failures = None;
    let socket =
        client_of(&config).get(format!("ws://{}/?after=0", proxy.addr())).websocket(&soon()).unwrap();
    let mut socket = socket
        .resume(|uri, _, id| {
            let with_id = format!("{}?after={id}", uri.to_string().split('?').next().unwrap());
            *uri = with_id.parse().unwrap();
        })
        .reconnect_if(|code| code.is_some_and(|code| code != 1000))
        .connect()
        .await
        .unwrap();
    let (mut expected, mut gaps) = (0, 0);
    let ended = loop {
        match socket.try_next().await {
            Ok(Some(Incoming::Item(message))) => {
                expected += 1;
                assert_eq!(message.as_text(), Some(expected.to_string().as_str()));
                socket.acknowledge(expected.to_string());
            }
            Ok(Some(Incoming::Reconnected(gap))) => {
                gaps += 1;
                // What came before it was told has been acknowledged since.
                let resumed_from: u64 = gap.resumed_from.map_or(0, |id| id.parse().unwrap());
                assert_eq!(gap.may_have_missed, resumed_from == 0);
                assert!(resumed_from <= expected);
                expected = resumed_from;
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    // The server closes without a code, which this stream takes for its end.
    assert!(ended.is_some_and(|error| {
        error.to_string().ends_with("the server closed the websocket without a reason")
    }));
    assert_eq!(expected, 200);
    assert!(gaps >= 3, "{gaps}");
    assert!(asked.lock().unwrap().len() > gaps);
}

#[tokio::test]
async fn a_server_that_went_away_and_came_back_is_found_again_and_greeted() {
    let (address, _) = server(echo).await;
    let proxy = FaultProxy::start(address, 7).await.unwrap();
    let mut config = HttpConfig { pool_max_idle_per_host: 0, ..HttpConfig::default() };
    config.pipeline.retry.max_attempts = 1.try_into().unwrap();
    config.pipeline.circuit_breaker.consecutive_failures = None;
    let cut = Fault::ResetAfter { direction: Direction::Down, after: 1000 };
    proxy.set(Faults::none().with(cut, Rule::Numbered(0..1)));
    let socket = client_of(&config).get(format!("ws://{}/", proxy.addr())).websocket(&soon()).unwrap();
    let mut socket = socket.greet(|_| vec![Message::from("subscribe")]).connect().await.unwrap();
    assert_eq!(socket.try_next().await.unwrap(), Some(Incoming::Item("subscribe".into())));
    proxy.set(Faults::always(Fault::Reset));
    let sender = socket.sender();
    // It echoes more than the connection bears.
    let _broke = sender.send(vec![0; 10_000]).await;
    let next = tokio::spawn(async move {
        let gap = socket.try_next().await.unwrap().unwrap();
        (gap, socket)
    });
    while proxy.injected(FaultKind::Reset) < 3 {
        tokio::task::yield_now().await;
    }
    proxy.set(Faults::none());
    let (Incoming::Reconnected(gap), mut socket) = next.await.unwrap() else { panic!() };
    assert!(gap.attempts > 1, "{gap:?}");
    assert_eq!(socket.try_next().await.unwrap(), Some(Incoming::Item("subscribe".into())));
    socket.send("after").await.unwrap();
    assert_eq!(socket.try_next().await.unwrap(), Some(Incoming::Item("after".into())));
}

/// A server that would rather speak HTTP/2.
#[tokio::test]
async fn under_tls_it_agrees_on_a_protocol_that_can_be_changed() {
    let authority = Authority::new().unwrap();
    let Identity { certificate, key } = authority.issue(&["localhost"]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        let connection = acceptor.accept(connection).await.unwrap();
        assert_ne!(connection.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let mut socket = tokio_tungstenite::accept_async(connection).await.unwrap();
        let frame = socket.next().await.unwrap().unwrap();
        socket.send(frame).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    });
    let tls = TlsConfig { extra_roots: vec![Pem::text(authority.pem())], ..TlsConfig::default() };
    let http = client_of(&HttpConfig { tls, ..HttpConfig::default() });
    let socket =
        http.get(format!("wss://localhost:{port}/")).timeout(Duration::from_mins(1)).websocket(&soon());
    let mut socket = socket.unwrap().connect().await.unwrap();
    socket.send("over tls").await.unwrap();
    assert_eq!(socket.try_next().await.unwrap(), Some(Incoming::Item("over tls".into())));
}

#[tokio::test]
async fn the_requests_time_is_that_of_the_stream() {
    let (address, _) = server(echo).await;
    let socket = client().get(format!("ws://{address}/")).timeout(Duration::ZERO).websocket(&soon()).unwrap();
    assert_eq!(socket.connect().await.unwrap_err().kind(), FailureKind::Timeout);
}

async fn refusal(http: &Http, url: &str) -> seawall_core::Error {
    let socket =
        http.get(url).header("sec-websocket-protocol", "chat, superchat").websocket(&soon()).unwrap();
    socket.connect().await.unwrap_err()
}

#[tokio::test]
async fn what_is_no_websocket_server_is_said_so() {
    let url = serve(
        Router::new()
            .route("/page", get(async || "a page"))
            .route("/forbidden", get(async || StatusCode::FORBIDDEN)),
    )
    .await;
    let http = client();
    for (path, expected) in [
        ("/page", "it answered with status 200"),
        ("/forbidden", "the server answered with an error: status 403 Forbidden"),
    ] {
        let error = refusal(&http, &format!("{url}{path}?token=secret")).await;
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(!everything_shown_by(&error).contains("secret"));
    }
    let error = http.post(format!("{url}/page")).websocket(&soon()).unwrap_err();
    assert!(error.to_string().ends_with("only a get can become a websocket"), "{error}");
}

#[tokio::test]
async fn a_handshake_that_is_not_ours_is_refused() {
    const FOREIGN: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
        sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    const OTHER: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: Upgrade\r\n\r\n";
    for (answer, expected) in [
        (FOREIGN, "the server's answer belongs to another websocket handshake"),
        (OTHER, "the server changed to another protocol than websocket"),
    ] {
        let server = RawServer::start(&[Then::Hold(answer)]).await;
        let error = refusal(&client(), &server.url()).await;
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

#[tokio::test]
async fn a_client_that_cannot_change_protocols_says_so() {
    let answering = tower::service_fn(async |request: http::Request<seawall_http::Body>| {
        let key = request.headers()["sec-websocket-key"].as_bytes();
        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key);
        let response = http::Response::builder()
            .status(101)
            .header("upgrade", "websocket")
            .header("connection", "keep-alive, Upgrade")
            .header("sec-websocket-accept", accept)
            .header("sec-websocket-protocol", "superchat");
        Ok::<_, seawall_core::Error>(response.body(seawall_http::Body::empty()).unwrap())
    });
    let mut config = soon();
    config.reconnect.max_attempts = Some(1.try_into().unwrap());
    let socket = Http::from_service(answering)
        .get("wss://a.example/")
        .header("sec-websocket-protocol", "chat, superchat");
    let error = socket.websocket(&config).unwrap().connect().await.unwrap_err();
    assert!(error.to_string().contains("the connection did not change its protocol"), "{error}");
}

#[test]
fn the_defaults_are_those_of_the_table() {
    let config = WebSocketConfig::default();
    assert_eq!(config.max_message_size, 4_194_304);
    assert_eq!((config.incoming_queue.get(), config.outgoing_queue.get()), (16, 16));
    assert_eq!(config.ping_interval, Some(Duration::from_secs(20)));
    assert_eq!(
        (config.pong_timeout, config.close_timeout),
        (Duration::from_secs(10), Duration::from_secs(5))
    );
    assert_eq!(config.reconnect, ReconnectConfig::default());
    let off = WebSocketConfig { ping_interval: None, ..config.clone() };
    let written = serde_json::to_string(&off).unwrap();
    assert_eq!(serde_json::from_str::<WebSocketConfig>(&written).unwrap(), off);
    let refused = |config: WebSocketConfig| config.validate().unwrap_err().field().to_owned();
    assert_eq!(refused(WebSocketConfig { max_message_size: 0, ..config.clone() }), "max_message_size");
    assert_eq!(refused(WebSocketConfig { pong_timeout: Duration::ZERO, ..config }), "pong_timeout");
}
