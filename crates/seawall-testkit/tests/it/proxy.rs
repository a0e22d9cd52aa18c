use std::io::{self, ErrorKind};
use std::num::NonZeroU64;
use std::time::Duration;

use seawall_testkit::proxy::{Direction, Fault, FaultKind, FaultProxy, Faults, Rule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Long beyond anything the machine needs; under a paused clock it passes only when nothing else can happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that answers every byte with itself and reports how each of its connections ended.
struct EchoServer {
    proxy: FaultProxy,
    ended: mpsc::UnboundedReceiver<io::Result<u64>>,
}

impl EchoServer {
    async fn behind_a_proxy(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = FaultProxy::start(listener.local_addr().unwrap(), seed).await.unwrap();
        let (report, ended) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let report = report.clone();
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = report.send(tokio::io::copy(&mut from, &mut to).await);
                });
            }
        });
        Self { proxy, ended }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.proxy.addr()).await.unwrap()
    }

    async fn ended(&mut self) -> io::Result<u64> {
        timeout(PATIENCE, self.ended.recv()).await.expect("the server should see the end").unwrap()
    }
}

async fn ask(stream: &mut TcpStream, question: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(question).await?;
    let mut answer = vec![0; question.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

async fn nothing_comes(stream: &mut TcpStream) -> bool {
    timeout(PATIENCE, stream.read_u8()).await.is_err()
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it should have happened by now");
}

fn rate(bytes_per_second: u64) -> Fault {
    Fault::Bandwidth { bytes_per_second: NonZeroU64::new(bytes_per_second).unwrap() }
}

#[tokio::test]
async fn without_faults_bytes_and_ends_pass_both_ways() {
    let mut server = EchoServer::behind_a_proxy(1).await;
    let mut client = server.connect().await;
    let question: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let (mut from, mut to) = client.split();
    let mut answer = Vec::new();
    let (asked, answered) = tokio::join!(
        async {
            to.write_all(&question).await?;
            to.shutdown().await
        },
        from.read_to_end(&mut answer),
    );
    asked.unwrap();
    assert_eq!(answered.unwrap(), question.len());
    assert_eq!(answer, question);
    assert_eq!(server.ended().await.unwrap(), 200_000);
    let proxy = &server.proxy;
    assert_eq!((proxy.bytes(Direction::Up), proxy.bytes(Direction::Down)), (200_000, 200_000));
    assert_eq!(proxy.connections(), 1);
    eventually(|| proxy.open_connections() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn latency_delays_each_way_without_slowing_the_flow() {
    let server = EchoServer::behind_a_proxy(1).await;
    let delay = Duration::from_millis(200);
    server.proxy.set(Faults::always(Fault::Latency { delay, jitter: Duration::ZERO }));
    let mut client = server.connect().await;
    let before = Instant::now();
    ask(&mut client, b"ping").await.unwrap();
    assert!(before.elapsed() >= 2 * delay, "{:?}", before.elapsed());

    // Fifty pieces: one after the other they would take twenty seconds.
    let before = Instant::now();
    let (mut from, mut to) = client.split();
    let send = async {
        for _ in 0..50 {
            to.write_all(&[1; 1024]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let mut answer = vec![0; 50 * 1024];
    let (received, ()) = tokio::join!(from.read_exact(&mut answer), send);
    received.unwrap();
    assert!(before.elapsed() < 10 * delay, "{:?}", before.elapsed());
    assert_eq!(server.proxy.injected(FaultKind::Latency), 1);
}

#[tokio::test(start_paused = true)]
async fn jitter_varies_the_delay_within_its_bounds_and_by_seed() {
    async fn delays(seed: u64) -> Vec<Duration> {
        let server = EchoServer::behind_a_proxy(seed).await;
        let (delay, jitter) = (Duration::from_millis(100), Duration::from_millis(100));
        server.proxy.set(Faults::always(Fault::Latency { delay, jitter }));
        let mut client = server.connect().await;
        let mut delays = Vec::new();
        for _ in 0..8 {
            let before = Instant::now();
            ask(&mut client, b"x").await.unwrap();
            delays.push(before.elapsed());
        }
        delays
    }
    let first = delays(5).await;
    // Tokio's timer has a step of a millisecond.
    let bounds = Duration::from_millis(200)..=Duration::from_millis(410);
    assert!(first.iter().all(|delay| bounds.contains(delay)), "{first:?}");
    assert!(first.windows(2).any(|pair| pair[0].abs_diff(pair[1]) > Duration::from_millis(5)), "{first:?}");
    for (one, two) in first.iter().zip(delays(5).await) {
        assert!(one.abs_diff(two) <= Duration::from_millis(4), "{one:?} {two:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn endless_latency_lets_nothing_through_until_it_is_lifted() {
    let server = EchoServer::behind_a_proxy(1).await;
    server.proxy.set(Faults::always(Fault::Latency { delay: Duration::MAX, jitter: Duration::MAX }));
    let mut client = server.connect().await;
    client.write_all(b"x").await.unwrap();
    assert!(nothing_comes(&mut client).await);
    server.proxy.set(Faults::none());
    assert_eq!(client.read_u8().await.unwrap(), b'x');
}

#[tokio::test(start_paused = true)]
async fn bandwidth_bounds_the_bytes_per_second() {
    let server = EchoServer::behind_a_proxy(1).await;
    server.proxy.set(Faults::always(rate(10_000)));
    let mut client = server.connect().await;
    let before = Instant::now();
    ask(&mut client, &vec![7; 20_000]).await.unwrap();
    let elapsed = before.elapsed();
    // Two seconds each way; the directions overlap.
    assert!(elapsed >= Duration::from_secs(2) && elapsed < Duration::from_secs(5), "{elapsed:?}");
    assert_eq!(server.proxy.injected(FaultKind::Bandwidth), 1);
}

#[tokio::test]
async fn a_new_connection_is_reset() {
    let server = EchoServer::behind_a_proxy(1).await;
    server.proxy.set(Faults::always(Fault::Reset));
    let mut client = server.connect().await;
    assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.proxy.injected(FaultKind::Reset), 1);
}

#[tokio::test]
async fn a_running_connection_is_reset_towards_both_sides() {
    let mut server = EchoServer::behind_a_proxy(1).await;
    let mut client = server.connect().await;
    ask(&mut client, b"ping").await.unwrap();
    server.proxy.set(Faults::always(Fault::Reset));
    assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.ended().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_accepts_and_answers_nothing() {
    let mut server = EchoServer::behind_a_proxy(1).await;
    server.proxy.set(Faults::always(Fault::BlackHole));
    let mut client = server.connect().await;
    client.write_all(b"hello?").await.unwrap();
    assert!(nothing_comes(&mut client).await);
    assert_eq!(server.proxy.bytes(Direction::Up), 0);
    assert_eq!(server.proxy.injected(FaultKind::BlackHole), 1);
    assert!(server.ended.try_recv().is_err(), "the server must not have seen the connection");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_lost_bytes_stays_dead_and_one_that_lost_none_recovers() {
    let server = EchoServer::behind_a_proxy(1).await;
    let (mut silent, mut speaking) = (server.connect().await, server.connect().await);
    ask(&mut silent, b"ping").await.unwrap();
    ask(&mut speaking, b"ping").await.unwrap();
    server.proxy.set(Faults::always(Fault::BlackHole));
    let mut new = server.connect().await;
    speaking.write_all(b"lost").await.unwrap();
    assert!(nothing_comes(&mut speaking).await);
    server.proxy.set(Faults::none());
    assert_eq!(ask(&mut silent, b"pong").await.unwrap(), b"pong");
    assert_eq!(ask(&mut new, b"pong").await.unwrap(), b"pong");
    speaking.write_all(b"too late").await.unwrap();
    assert!(nothing_comes(&mut speaking).await);
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_carries_requests_and_no_answers() {
    let mut server = EchoServer::behind_a_proxy(1).await;
    server.proxy.set(Faults::always(Fault::HalfOpen { dead: Direction::Down }));
    let mut client = server.connect().await;
    client.write_all(b"ping").await.unwrap();
    assert!(nothing_comes(&mut client).await);
    assert_eq!((server.proxy.bytes(Direction::Up), server.proxy.bytes(Direction::Down)), (4, 0));
    client.shutdown().await.unwrap();
    assert_eq!(server.ended().await.unwrap(), 4);
    assert_eq!(server.proxy.injected(FaultKind::HalfOpen), 1);
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_hides_from_the_server_that_its_client_is_gone() {
    let mut server = EchoServer::behind_a_proxy(1).await;
    server.proxy.set(Faults::always(Fault::HalfOpen { dead: Direction::Up }));
    drop(server.connect().await);
    assert!(timeout(PATIENCE, server.ended.recv()).await.is_err());
    drop(server.proxy);
    timeout(PATIENCE, server.ended.recv()).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_is_truncated_cleanly() {
    let mut server = EchoServer::behind_a_proxy(1).await;
    server.proxy.set(Faults::always(Fault::Truncate { direction: Direction::Down, after: 5 }));
    let mut client = server.connect().await;
    client.write_all(b"twelve bytes").await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"twelv");
    assert_eq!(server.ended().await.unwrap(), 12);
    assert_eq!(server.proxy.injected(FaultKind::Truncate), 1);
}

#[tokio::test]
async fn a_request_is_truncated_cleanly() {
    let mut server = EchoServer::behind_a_proxy(1).await;
    server.proxy.set(Faults::always(Fault::Truncate { direction: Direction::Up, after: 5 }));
    let mut client = server.connect().await;
    client.write_all(b"twelve bytes").await.unwrap();
    assert_eq!(server.ended().await.unwrap(), 5);
}

#[tokio::test]
async fn a_connection_is_reset_after_so_many_bytes() {
    let mut server = EchoServer::behind_a_proxy(1).await;
    server.proxy.set(Faults::always(Fault::ResetAfter { direction: Direction::Down, after: 8 }));
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"1234").await.unwrap(), b"1234");
    client.write_all(b"56789").await.unwrap();
    let mut rest = Vec::new();
    let error = client.read_to_end(&mut rest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(rest.len() <= 4, "{rest:?}");
    assert_eq!(server.proxy.bytes(Direction::Down), 8);
    assert_eq!(server.ended().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_running_connection_is_cut_when_it_is_past_the_mark() {
    let server = EchoServer::behind_a_proxy(1).await;
    let mut client = server.connect().await;
    ask(&mut client, b"1234").await.unwrap();
    server.proxy.set(Faults::always(Fault::Truncate { direction: Direction::Down, after: 4 }));
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_refusing_proxy_refuses_new_connections_at_once_and_keeps_the_open_ones() {
    let server = EchoServer::behind_a_proxy(1).await;
    let mut open = server.connect().await;
    ask(&mut open, b"ping").await.unwrap();
    for _ in 0..3 {
        server.proxy.set(Faults::refuse());
        let error = TcpStream::connect(server.proxy.addr()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(ask(&mut open, b"pong").await.unwrap(), b"pong");
        server.proxy.set(Faults::none());
        ask(&mut server.connect().await, b"hello").await.unwrap();
    }
}

#[tokio::test]
async fn a_client_is_reset_when_nothing_listens_behind_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(listener.local_addr().unwrap(), 1).await.unwrap();
    drop(listener);
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn the_same_seed_hits_the_same_connections() {
    async fn hits(seed: u64) -> Vec<bool> {
        let server = EchoServer::behind_a_proxy(seed).await;
        server.proxy.set(Faults::none().with(Fault::Reset, Rule::Chance(0.3)));
        let mut hits = Vec::new();
        for _ in 0..100 {
            hits.push(ask(&mut server.connect().await, b"?").await.is_err());
        }
        assert_eq!(server.proxy.injected(FaultKind::Reset), hits.iter().filter(|hit| **hit).count() as u64);
        hits
    }
    let first = hits(7).await;
    assert_eq!(hits(7).await, first);
    assert_ne!(hits(8).await, first);
    let count = first.iter().filter(|hit| **hit).count();
    assert!((10..=50).contains(&count), "{count} of 100 at a chance of 0.3");
}

#[tokio::test]
async fn two_entries_draw_independently() {
    let server = EchoServer::behind_a_proxy(3).await;
    let cut = |after| Fault::Truncate { direction: Direction::Down, after };
    server.proxy.set(Faults::none().with(cut(1), Rule::Chance(0.5)).with(cut(2), Rule::Chance(0.5)));
    let mut seen = [0; 4];
    for _ in 0..100 {
        let mut client = server.connect().await;
        client.write_all(b"123").await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        seen[answer.len()] += 1;
    }
    // Half, a quarter, a quarter.
    assert!(seen[0] == 0 && seen[1] >= 25 && seen[2] >= 5 && seen[3] >= 5, "{seen:?}");
}

#[tokio::test]
async fn a_rule_by_number_hits_those_connections_only() {
    let server = EchoServer::behind_a_proxy(1).await;
    server.proxy.set(Faults::none().with(Fault::Reset, Rule::Numbered(1..3)));
    for expected in [true, false, false, true] {
        assert_eq!(ask(&mut server.connect().await, b"?").await.is_ok(), expected);
    }
}

#[tokio::test]
async fn dropping_the_proxy_ends_its_connections() {
    let mut server = EchoServer::behind_a_proxy(1).await;
    let mut client = server.connect().await;
    ask(&mut client, b"ping").await.unwrap();
    drop(server.proxy);
    assert!(matches!(client.read(&mut [0]).await, Ok(0) | Err(_)));
    let ended = timeout(PATIENCE, server.ended.recv()).await.unwrap().unwrap();
    assert!(matches!(ended, Ok(4) | Err(_)));
}
