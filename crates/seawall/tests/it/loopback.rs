//! A web server on the loopback that answers `hello` to everything, when the test lets it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const PLENTY: usize = 1_000_000;

/// Runs until it is dropped.
pub(crate) struct Loopback {
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    status: u16,
    requests: AtomicUsize,
    received: Mutex<Vec<u8>>,
    arrivals: Semaphore,
    heads: Semaphore,
    bodies: Semaphore,
}

impl Loopback {
    /// Answers at once, with this status.
    pub(crate) async fn answering(status: u16) -> Self {
        Self::start(status, PLENTY, PLENTY).await
    }

    /// Answers nothing before it is told to.
    pub(crate) async fn waiting() -> Self {
        Self::start(200, 0, 0).await
    }

    /// Answers with the headers and the first half of the body, and with the rest when told to.
    pub(crate) async fn waiting_half_way() -> Self {
        Self::start(200, PLENTY, 0).await
    }

    /// Waits until one more request has come in.
    pub(crate) async fn arrival(&self) {
        self.shared.arrivals.acquire().await.unwrap().forget();
    }

    /// Lets it answer from now on.
    pub(crate) fn go_on(&self) {
        self.shared.heads.add_permits(PLENTY);
        self.shared.bodies.add_permits(PLENTY);
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Whether these bytes were in a request.
    pub(crate) fn received(&self, bytes: &[u8]) -> bool {
        self.shared.received.lock().unwrap().windows(bytes.len()).any(|window| window == bytes)
    }

    async fn start(status: u16, heads: usize, bodies: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            status,
            requests: AtomicUsize::new(0),
            received: Mutex::default(),
            arrivals: Semaphore::new(0),
            heads: Semaphore::new(heads),
            bodies: Semaphore::new(bodies),
        });
        let of_connections = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&of_connections)));
            }
        });
        Self { url, shared, task }
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        if !is_whole(&request) {
            continue;
        }
        shared.received.lock().unwrap().append(&mut request);
        shared.requests.fetch_add(1, Ordering::SeqCst);
        shared.arrivals.add_permits(1);
        shared.heads.acquire().await.unwrap().forget();
        let head = format!("HTTP/1.1 {} Status\r\ncontent-length: 5\r\n\r\nhe", shared.status);
        stream.write_all(head.as_bytes()).await?;
        shared.bodies.acquire().await.unwrap().forget();
        stream.write_all(b"llo").await?;
    }
}

fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    request.len() >= end + 4 + length.map_or(0, |length| length.trim().parse().unwrap())
}
