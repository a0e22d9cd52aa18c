use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use http::{Method, Response};
use seawall_core::{CallContext, Error, FailureKind};
use seawall_fs::Fs;
use seawall_http::{Body, Http, ResponseExt};
use tokio::time::{Instant, sleep_until};

use super::TransferProgress;
use super::progress::Counted;
use crate::AsyncIoSystem;

/// An upload of a file, begun by [`AsyncIoSystem::upload`].
///
/// The file is streamed, never held in memory, with its length announced. A PUT that fails is made again from the
/// file's beginning, as often as the client's retry and its budget allow; a POST is not, unless its server knows
/// a repeated one by its `Idempotency-Key` header. No time limit of the client cuts it while bytes are moving.
///
/// | setting | default |
/// |---|---|
/// | [`method`](Self::method) | PUT |
/// | [`patience`](Self::patience) | 60 s without a byte |
///
/// ```no_run
/// # async fn run(io: seawall::AsyncIoSystem) -> Result<(), seawall::core::Error> {
/// let response = io.upload("photo.jpg", "https://example.com/photos/7").header("content-type", "image/jpeg").run().await?;
/// println!("{}", response.status());
/// # Ok(()) }
/// ```
#[must_use = "an upload does nothing until it is run"]
#[derive(Debug)]
pub struct Upload {
    http: Http,
    fs: Fs,
    source: PathBuf,
    address: String,
    method: Method,
    headers: Vec<(String, String)>,
    patience: Duration,
    progress: Arc<TransferProgress>,
}

impl AsyncIoSystem {
    /// Begins an upload of the file `source` to `url`.
    pub fn upload(&self, source: impl AsRef<Path>, url: impl Into<String>) -> Upload {
        Upload {
            http: self.http().clone(),
            fs: self.fs().clone(),
            source: source.as_ref().to_owned(),
            address: url.into(),
            method: Method::PUT,
            headers: Vec::new(),
            patience: Duration::from_mins(1),
            progress: Arc::default(),
        }
    }
}

impl Upload {
    /// By which method it is sent.
    pub fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// Sends a header with it.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// How long no byte may be taken by the server, and how long its answer may take after the last one, before it is
    /// given up.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Counts into `progress`, which several transfers may share.
    pub fn progress(self, progress: Arc<TransferProgress>) -> Self {
        Self { progress, ..self }
    }

    /// Uploads it, and returns the answer of a server that took it.
    ///
    /// # Errors
    /// What the file system or the network said, an answer with a status of 400 or above, and
    /// [`Timeout`](FailureKind::Timeout) when nothing moved for too long.
    ///
    /// # Cancel safety
    /// Cancel safe for the client; whether the server has it is then unknown.
    pub async fn run(self) -> Result<Response<Body>, Error> {
        let length = self.fs.metadata(&self.source).await?.len();
        let sent = Arc::new(Sent::new(Arc::clone(&self.progress), length));
        let body = {
            let (fs, source, sent) = (self.fs.clone(), self.source.clone(), Arc::clone(&sent));
            Body::from_fn(move || {
                let sent = Arc::clone(&sent);
                let attempt = sent.begin();
                fs.stream(&source, 0).inspect(move |chunk| {
                    if let Ok(chunk) = chunk {
                        sent.moved(&attempt, chunk.len() as u64);
                    }
                })
            })
            .with_length(length)
        };
        let request = self.http.request(self.method.clone(), &self.address);
        let request = self
            .headers
            .iter()
            .fold(request, |request, (name, value)| request.header(name.as_str(), value.as_str()));
        let answer = CallContext::current().unhurried().scope(request.body(body).send());
        let response = tokio::select! {
            response = answer => response?,
            () = sent.stalled(self.patience) => return Err(self.stuck()),
        };
        let response = response.error_for_status()?;
        sent.keep();
        Ok(response)
    }

    fn stuck(&self) -> Error {
        Error::new(FailureKind::Timeout, "upload", self.source.display().to_string())
            .with_message(format!("nothing moved for {:?}", self.patience))
    }
}

/// How far an upload is, over all its attempts.
#[derive(Debug)]
struct Sent {
    progress: Arc<TransferProgress>,
    length: u64,
    /// The attempt under way; what the one before had counted is taken back with it.
    attempt: Mutex<Option<Arc<Counted>>>,
    moved_at: Mutex<Instant>,
}

impl Sent {
    fn new(progress: Arc<TransferProgress>, length: u64) -> Self {
        Self { progress, length, attempt: Mutex::new(None), moved_at: Mutex::new(Instant::now()) }
    }

    fn begin(&self) -> Arc<Counted> {
        let counted = Arc::new(Counted::new(Arc::clone(&self.progress), 0, self.length));
        *lock(&self.attempt) = Some(Arc::clone(&counted));
        *lock(&self.moved_at) = Instant::now();
        counted
    }

    fn moved(&self, attempt: &Counted, bytes: u64) {
        attempt.moved(bytes);
        *lock(&self.moved_at) = Instant::now();
    }

    fn keep(&self) {
        if let Some(attempt) = &*lock(&self.attempt) {
            attempt.keep();
        }
    }

    /// Returns when nothing has moved for `patience`.
    async fn stalled(&self, patience: Duration) {
        loop {
            let until = *lock(&self.moved_at) + patience;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
