//! Carries a source's bytes to the thread that parses them, and takes a broken transfer up again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use seawall_core::{Error, FailureKind};
use seawall_http::{Interruption, Transfer};
use tokio::io::{AsyncReadExt, Stdin};

use super::open::{OpenBytes, Opened, Readers};
use super::progress::Progress;
use super::source::Source;
use super::transfer::{ChunkSender, TransferError};
use crate::patience::Patience;

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
            (Source::Http(_), OpenBytes::Http(transfer)) => self.pump_http(*transfer, &chunks).await,
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
    async fn pump_http(&self, mut transfer: Transfer, chunks: &ChunkSender) -> Result<(), Stop> {
        let mut patience = Patience::new(self.patience);
        loop {
            match transfer.chunk().await {
                Some(Ok(chunk)) => {
                    self.send(chunk, chunks).await?;
                    // After the sending, which waits as long as the database needs.
                    patience.progressed();
                }
                None => return Ok(()),
                Some(Err(broken)) => {
                    patience.wait_after(broken).await?;
                    self.progress.reconnects.fetch_add(1, Relaxed);
                    while let Err(interruption) = transfer.reopen().await {
                        match interruption {
                            Interruption::Failed(error) => patience.wait_after(error).await?,
                            Interruption::Changed => return Err(Stop::Suspect),
                        }
                    }
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
