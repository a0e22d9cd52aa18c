use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use seawall_core::Error;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::scan::Scanner;
use super::signals::Pending;
use super::{Change, Rhythm, WatchBatch};
use crate::engine::Engine;
use crate::fault::{Fault, Label};

/// The most changes in a batch.
const CHANGES: usize = 1024;
/// So many batches wait for a slow reader; then changes gather where they are bounded, and are one for each path.
const BATCHES: usize = 4;

/// What changes in a tree, in batches; made by [`Watch::start`](super::Watch::start).
///
/// It does not miss anything for good: after whatever happens, what was told adds up to what is there. A reader that
/// takes its time is told less often, and of each path once; beyond a bound it is told that so much has changed
/// ([`WatchBatch::overflowed`]), and what the difference is.
///
/// When the root is removed, so is all that was in it, and the watch goes on: it is told when there is a root again. An
/// error is the last item.
///
/// # Cancel safety
/// Dropping a wait for the next batch loses nothing. Dropping the stream ends the watch.
pub struct Watching {
    batches: mpsc::Receiver<Result<WatchBatch, Error>>,
    _task: AbortOnDropHandle<()>,
}

impl Watching {
    pub(super) fn new(engine: Engine, label: Label, scanner: Scanner, rhythm: Rhythm) -> Self {
        let (sender, batches) = mpsc::channel(BATCHES);
        let task = tokio::spawn(async move {
            if let Err(error) = watch(engine, label, scanner, rhythm, &sender).await {
                // Nobody is left to be told if that fails.
                let _gone = sender.send(Err(error)).await;
            }
        });
        Self { batches, _task: AbortOnDropHandle::new(task) }
    }
}

async fn watch(
    engine: Engine,
    label: Label,
    mut scanner: Scanner,
    rhythm: Rhythm,
    sender: &mpsc::Sender<Result<WatchBatch, Error>>,
) -> Result<(), Error> {
    let signals = Arc::clone(scanner.signals());
    let mut unwatched = 0;
    loop {
        let is_told = tokio::select! {
            () = signals.wait() => true,
            () = tokio::time::sleep(rhythm.every), if scanner.has_to_look() => false,
        };
        if is_told {
            tokio::time::sleep(rhythm.debounce).await;
        }
        let Ok(slot) = engine.slot(&label, None).await else {
            // Too much else to do. What is told meanwhile is kept.
            tokio::time::sleep(rhythm.every).await;
            continue;
        };
        let pending = signals.take();
        let overflowed = pending.overflowed;
        let listener = sender.clone();
        let mut running = slot.start(move || {
            let looked = look(&mut scanner, pending, &listener);
            (scanner, looked)
        });
        let looked;
        (scanner, looked) = running.finish(&label, None).await?;
        let mut changes = looked.map_err(|fault| fault.label(&label))?.into_iter().peekable();

        let mut is_news = overflowed || unwatched != scanner.unwatched();
        unwatched = scanner.unwatched();
        while is_news || changes.peek().is_some() {
            let changes = changes.by_ref().take(CHANGES).collect();
            let batch = WatchBatch { changes, overflowed: is_news && overflowed, unwatched };
            is_news = false;
            if sender.send(Ok(batch)).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn look(
    scanner: &mut Scanner,
    pending: Pending,
    listener: &mpsc::Sender<Result<WatchBatch, Error>>,
) -> Result<Vec<Change>, Fault> {
    scanner.look(pending, &|| listener.is_closed())
}

impl Stream for Watching {
    type Item = Result<WatchBatch, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_recv(cx)
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").field("batches", &self.batches.len()).finish_non_exhaustive()
    }
}
