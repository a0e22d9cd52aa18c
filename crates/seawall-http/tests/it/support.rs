//! Servers to call and an observer that remembers.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use seawall_core::{Event, Observer, Origin};
use seawall_http::{Http, HttpConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) fn client() -> Http {
    client_of(&HttpConfig::default())
}

pub(crate) fn client_of(config: &HttpConfig) -> Http {
    Http::new(config, Arc::new(())).unwrap()
}

/// Serves a router until the test ends; returns `http://127.0.0.1:port`.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// What a [`RawServer`] does with a connection once it has read the head of a request.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// Writes this and closes the connection.
    Close(&'static str),
    /// Writes this and resets the connection.
    Reset(&'static str),
    /// Writes this and keeps the connection open in silence.
    Hold(&'static str),
}

/// A server below HTTP: it follows a script, one step a connection, the last step for all that follow.
pub(crate) struct RawServer {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl RawServer {
    pub(crate) async fn start(script: &[Then]) -> Self {
        let script = script.to_vec();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        tokio::spawn(async move {
            for number in 0.. {
                let (connection, _) = listener.accept().await.unwrap();
                let step = script[number.min(script.len() - 1)];
                tokio::spawn(follow(connection, step, Arc::clone(&counter)));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests it has read.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// The head of the next request of a connection, unless the client leaves before.
pub(crate) async fn head_of(connection: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if connection.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

async fn follow(mut connection: TcpStream, step: Then, requests: Arc<AtomicUsize>) {
    if head_of(&mut connection).await.is_none() {
        return;
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let (Then::Close(answer) | Then::Reset(answer) | Then::Hold(answer)) = step;
    if connection.write_all(answer.as_bytes()).await.is_err() {
        return;
    }
    match step {
        Then::Close(_) => drop(connection.shutdown().await),
        Then::Reset(_) => connection.set_zero_linger().unwrap(),
        Then::Hold(_) => std::future::pending().await,
    }
}

/// A port that nobody listens on.
pub(crate) async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Remembers every event, with the strategy and the target it came from.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<(&'static str, String, Event)>>);

impl Recorder {
    pub(crate) fn events(&self) -> Vec<(&'static str, String, Event)> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Recorder {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        self.0.lock().unwrap().push((origin.strategy, origin.target.to_owned(), *event));
    }
}

/// An error with everything beneath it, as a log would show it.
pub(crate) fn everything_shown_by(error: &seawall_core::Error) -> String {
    let mut shown = format!("{error} {error:?}");
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        write!(shown, " {error} {error:?}").unwrap();
        cause = error.source();
    }
    shown
}

/// A server below HTTP that does as it is told with each connection once it has read the head of a request; returns
/// `http://127.0.0.1:port`.
pub(crate) async fn serve_raw<F>(answer: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> String
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                if head_of(&mut connection).await.is_none() {
                    return;
                }
                // A client that had enough closes the connection: that is no failure of the server's.
                let _gone = answer(connection).await;
            });
        }
    });
    format!("http://{address}")
}

/// Lets this much time pass at once. A limit that is too long to be met by chance, and passes when the test says so, does
/// not depend on how fast the machine is. For runtimes of one thread.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Waits for something that happens sooner or later.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// How a call ends whose time passes once something has come about.
pub(crate) async fn overtaken<T>(call: impl Future<Output = T>, once: impl Future, time: Duration) -> T {
    let passes = async {
        once.await;
        pass(time).await;
    };
    tokio::join!(call, passes).0
}
