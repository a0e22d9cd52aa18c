//! Carries a source's bytes to the thread that parses them, and takes a broken transfer up again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use seawall_core::{Error, FailureKind};
use seawall_http::Body;
use tokio::io::{AsyncReadExt, Stdin};
use url::Url;

use super::open::{OpenBytes, Opened, Readers};
use super::patience::Patience;
use super::progress::Progress;
use super::ranges;
use super::source::Source;
use super::transfer::{ChunkSender, TransferError};

/// Standard input comes in pieces of at most so many bytes.
const STDIN_CHUNK: usize = 256 * 1024;

/// One source's transfer.
#[derive(Debug)]
pub(crate) struct Pump {
    pub(crate) readers: Readers,
    pub(crate) source: Source,
    pub(crate) progress: Arc<Progress>,
    pub(crate) patience: Duration,
}

impl Pump {
    /// Sends all bytes and the end, or the error that stopped it. Ends early when nobody reads any more.
    pub(crate) async fn run(self, opened: Opened, chunks: ChunkSender) {
        let sent = match (&self.source, opened.bytes) {
            (Source::File(path), _) => self.pump_file(path, opened.at, &chunks).await,
            (Source::Http(url), OpenBytes::Http(body)) => {
                let transfer = HttpTransfer {
                    url,
                    body,
                    rest: Bytes::new(),
                    position: opened.at,
                    end: opened.length.map(|length| opened.at + length),
                    version: opened.version,
                };
                self.pump_http(transfer, &chunks).await
            }
            (_, OpenBytes::Stdin(head, stdin)) => self.pump_stdin(head, stdin, &chunks).await,
            (Source::Http(_) | Source::Stdin, _) => unreachable!("a source is opened as what it is"),
        };
        let last = match sent {
            Ok(()) => Ok(Bytes::new()),
            Err(Stop::Failed(error)) => Err(TransferError::Failed(error)),
            Err(Stop::Suspect) => Err(TransferError::Suspect),
            Err(Stop::NobodyReads) => return,
        };
        // Nobody reads any more: then nobody misses it either.
        let _ = chunks.send(last).await;
    }

    async fn pump_file(&self, path: &Path, at: u64, chunks: &ChunkSender) -> Result<(), Stop> {
        let mut stream = self.readers.fs.stream(path, at);
        while let Some(chunk) = stream.next().await {
            self.send(chunk?, chunks).await?;
        }
        Ok(())
    }

    async fn pump_stdin(&self, head: Bytes, mut stdin: Stdin, chunks: &ChunkSender) -> Result<(), Stop> {
        if !head.is_empty() {
            self.send(head, chunks).await?;
        }
        loop {
            let mut chunk = Vec::with_capacity(STDIN_CHUNK);
            let read =
                (&mut stdin).take(STDIN_CHUNK as u64).read_buf(&mut chunk).await.map_err(|error| {
                    Error::new(FailureKind::Permanent, "ingest", "stdin").with_source(error)
                })?;
            if read == 0 {
                return Ok(());
            }
            self.send(chunk.into(), chunks).await?;
        }
    }

    /// Reads the body to its end; whenever it breaks, asks for the rest of the same version.
    async fn pump_http(&self, mut transfer: HttpTransfer<'_>, chunks: &ChunkSender) -> Result<(), Stop> {
        let mut patience = Patience::new(self.patience);
        loop {
            let broken = loop {
                match transfer.next_chunk().await {
                    Some(Ok(chunk)) if chunk.is_empty() => {}
                    Some(Ok(chunk)) => {
                        transfer.position += chunk.len() as u64;
                        self.send(chunk, chunks).await?;
                        // After the sending, which waits as long as the database needs.
                        patience.progressed();
                    }
                    Some(Err(error)) => break error,
                    None if transfer.end.is_some_and(|end| transfer.position < end) => {
                        break transfer.cut_short();
                    }
                    None => return Ok(()),
                }
            };
            patience.wait_after(broken).await?;
            self.progress.reconnects.fetch_add(1, Relaxed);
            loop {
                match transfer.reopen(&self.readers).await {
                    Ok(()) => break,
                    Err(Stop::Failed(error)) => patience.wait_after(error).await?,
                    Err(stop) => return Err(stop),
                }
            }
        }
    }

    async fn send(&self, chunk: Bytes, chunks: &ChunkSender) -> Result<(), Stop> {
        self.progress.bytes.fetch_add(chunk.len() as u64, Relaxed);
        chunks.send(Ok(chunk)).await.map_err(|_gone| Stop::NobodyReads)
    }
}

/// Why a transfer ends before its end.
enum Stop {
    Failed(Error),
    Suspect,
    NobodyReads,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// An HTTP body on its way, and what it takes to ask for the rest of it.
struct HttpTransfer<'a> {
    url: &'a Url,
    body: Body,
    /// What came with bytes that were passed over, and is still to be sent.
    rest: Bytes,
    position: u64,
    end: Option<u64>,
    version: Option<String>,
}

impl HttpTransfer<'_> {
    async fn next_chunk(&mut self) -> Option<Result<Bytes, Error>> {
        if self.rest.is_empty() { self.body.next().await } else { Some(Ok(std::mem::take(&mut self.rest))) }
    }

    /// Asks for the bytes from `position` on, of this version only.
    async fn reopen(&mut self, readers: &Readers) -> Result<(), Stop> {
        let version = self.version.as_deref();
        let response = ranges::request_rest(&readers.http, self.url, self.position, version).send().await?;
        match response.status().as_u16() {
            206 if ranges::continues(&response, self.position, version) => {
                self.body = response.into_body();
                Ok(())
            }
            // A server without ranges sends all of it again: pass over what we have, if it is surely the same.
            200 if version.is_some() && ranges::version_of(&response).as_deref() == version => {
                self.body = response.into_body();
                self.pass_over().await
            }
            200 | 206 | 416 => Err(Stop::Suspect),
            _ => Err(ranges::unexpected_status(self.url, &response).into()),
        }
    }

    /// Reads and drops the first `position` bytes of a fresh body.
    async fn pass_over(&mut self) -> Result<(), Stop> {
        let mut passed = 0;
        while passed < self.position {
            let Some(chunk) = self.body.next().await else { return Err(self.cut_short().into()) };
            let chunk = chunk?;
            let wanted = usize::try_from(self.position - passed).unwrap_or(usize::MAX);
            if chunk.len() > wanted {
                self.rest = chunk.slice(wanted..);
            }
            passed += chunk.len().min(wanted) as u64;
        }
        Ok(())
    }

    fn cut_short(&self) -> Error {
        Error::new(FailureKind::Transient, "ingest", Source::Http(self.url.clone()).name())
            .with_message("the body ended before its announced length")
    }
}
