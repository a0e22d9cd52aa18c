//! One part of a download on its way into the file.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use seawall_core::Error;
use seawall_http::Transfer;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::checkpoints::Checkpoints;
use super::part_file::PartFile;
use super::progress::Counted;
use super::running::{reopen, take_up};
use crate::patience::Patience;

/// Bytes are gathered up to this size before they are written, and as many are being written meanwhile.
const GATHER: usize = 1024 * 1024;

/// How often is written down what there is. That goes on beside the transfer, until the next time at most: when the process
/// is killed, twice as much is lost at most.
const CHECKPOINT_BYTES: u64 = 8 * 1024 * 1024;
const CHECKPOINT_TIME: Duration = Duration::from_millis(500);

/// Why a segment ended before its end.
pub(super) enum Stop {
    Failed(Error),
    /// The document is another one now.
    Changed,
    /// Somebody else has gone on with what is there.
    GoneOnWith,
    TooLarge,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A part of the document, carried from a transfer into the file.
pub(super) struct Segment {
    /// Which of the download's segments it is.
    pub(super) number: usize,
    pub(super) file: Arc<PartFile>,
    pub(super) counted: Arc<Counted>,
    pub(super) checkpoints: Arc<Checkpoints>,
    pub(super) max_size: u64,
    pub(super) patience: Duration,
    pub(super) stop: CancellationToken,
}

impl Segment {
    /// Carries everything, taking the transfer up again whenever it breaks; stops early when it is told to. Returns how
    /// far it came.
    ///
    /// However it ends, what was carried is in the file and written down.
    pub(super) async fn run(self, mut transfer: Transfer, is_open: bool) -> Result<u64, Stop> {
        let mut behind = WriteBehind::new(Arc::clone(&self.file), transfer.position());
        let mut checkpoint = Beside::default();
        let carried = self.carry(&mut transfer, is_open, &mut behind, &mut checkpoint).await;
        let before = checkpoint.settle().await;
        let last = match behind.flush().await {
            Ok(written) => self.reached(written).await,
            Err(error) => Err(error),
        };
        carried?;
        before?;
        last?;
        Ok(transfer.position())
    }

    async fn carry(
        &self,
        transfer: &mut Transfer,
        is_open: bool,
        behind: &mut WriteBehind,
        checkpoint: &mut Beside,
    ) -> Result<(), Stop> {
        let mut patience = Patience::new(self.patience);
        if !is_open {
            reopen(transfer, &mut patience).await?;
        }
        let (mut since, mut last) = (transfer.position(), Instant::now());
        loop {
            let chunk = tokio::select! {
                chunk = transfer.chunk() => chunk,
                () = self.stop.cancelled() => return Ok(()),
            };
            match chunk {
                None => return Ok(()),
                Some(Ok(chunk)) => {
                    // A server need not say beforehand how much comes.
                    if transfer.position() > self.max_size {
                        return Err(Stop::TooLarge);
                    }
                    patience.progressed();
                    self.counted.moved(chunk.len() as u64);
                    behind.write(chunk).await?;
                    let now = Instant::now();
                    let (much, late) =
                        (transfer.position() - since >= CHECKPOINT_BYTES, now - last >= CHECKPOINT_TIME);
                    if much || late {
                        checkpoint.settle().await?;
                        // On a slow line all that came in that time may be in the block that is gathered.
                        let written = if late { behind.flush().await? } else { behind.settle().await? };
                        checkpoint.begin(self.reached(written));
                        (since, last) = (transfer.position(), now);
                    }
                }
                Some(Err(broken)) => {
                    take_up(transfer, &mut patience, self.counted.progress(), broken).await?;
                }
            }
        }
    }

    /// Writes down that the file holds everything up to `position`.
    fn reached(&self, position: u64) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        Arc::clone(&self.checkpoints).reached(self.number, position, Arc::clone(&self.file))
    }
}

/// Work that goes on beside a transfer, one piece at a time. It is not stopped when this is dropped: the file is held until
/// it is over.
#[derive(Default)]
struct Beside {
    under_way: Option<JoinHandle<Result<(), Error>>>,
    failed: Option<Error>,
}

impl Beside {
    fn begin(&mut self, work: impl Future<Output = Result<(), Error>> + Send + 'static) {
        self.under_way = Some(tokio::spawn(work));
    }

    /// Waits until it is over. A failure is told every time from then on: nothing that came later makes up for it.
    async fn settle(&mut self) -> Result<(), Error> {
        if let Some(work) = &mut self.under_way {
            let ended = work.await;
            self.under_way = None;
            let ended = ended.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
            self.failed = ended.err();
        }
        self.failed.clone().map_or(Ok(()), Err)
    }
}

/// Writes behind the bytes that come: while one block is written, the next is gathered.
struct WriteBehind {
    file: Arc<PartFile>,
    /// Where the block that is gathered will go.
    position: u64,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    under_way: Beside,
}

impl WriteBehind {
    fn new(file: Arc<PartFile>, position: u64) -> Self {
        Self { file, position, gathered: Vec::new(), gathered_bytes: 0, under_way: Beside::default() }
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.gathered_bytes += chunk.len();
        self.gathered.push(chunk);
        if self.gathered_bytes >= GATHER {
            self.settle().await?;
            self.begin();
        }
        Ok(())
    }

    /// Waits for the block that is being written; returns up to where the file is written without a gap.
    async fn settle(&mut self) -> Result<u64, Error> {
        self.under_way.settle().await?;
        Ok(self.position)
    }

    /// Writes everything; returns where it ends.
    async fn flush(&mut self) -> Result<u64, Error> {
        self.settle().await?;
        self.begin();
        self.settle().await
    }

    fn begin(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let (block, position) = (std::mem::take(&mut self.gathered), self.position);
        self.position += std::mem::take(&mut self.gathered_bytes) as u64;
        let file = Arc::clone(&self.file);
        self.under_way.begin(async move { file.write(position, block).await });
    }
}

#[cfg(test)]
mod tests {
    use seawall_core::FailureKind;

    use super::*;

    #[tokio::test]
    async fn a_failure_beside_a_transfer_is_told_whatever_comes_after_it() {
        let mut beside = Beside::default();
        assert!(beside.settle().await.is_ok());
        beside.begin(async { Ok(()) });
        assert!(beside.settle().await.is_ok());
        beside.begin(async { Err(Error::new(FailureKind::Permanent, "fs", "write")) });
        assert!(beside.settle().await.is_err());
        assert!(beside.settle().await.is_err());
    }
}
