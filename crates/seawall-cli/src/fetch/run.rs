//! The tasks of a run: some receive files, and one puts those that have arrived in their places.

use std::fs::Metadata;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seawall::AsyncIoSystem;
use seawall::core::Error;
use seawall::fs::Many;
use seawall::transfer::{Downloaded, Received, TransferProgress, TransferSnapshot};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::found::{Found, find};
use super::list::Item;
use super::report::{Failure, Report};
use super::settings::Settings;

/// Files no longer than this are received in memory, and put in their places together.
const SMALL: u64 = 1024 * 1024;

/// So many bytes may wait for their places, where a file counts as 64 KiB at least, since it is more than its bytes. Those
/// that are not in memory count as much as lets sixteen of them wait, since each is synced on a thread.
const ROOM: usize = 64 * 1024 * 1024;
const SMALLEST: u64 = 64 * 1024;
const LONG: u64 = 4 * 1024 * 1024;

/// So many files are put in their places together at most. What arrives while a group is on its way is the next one, so
/// groups are as large as the disk is slow.
const GROUP: usize = 128;

/// What all tasks of a run share.
pub(super) struct Run {
    io: AsyncIoSystem,
    settings: Settings,
    next: AsyncMutex<Next>,
    room: Arc<Semaphore>,
    progress: Arc<TransferProgress>,
    report: Mutex<Report>,
}

/// The files that nobody has begun with, and what there is of each.
struct Next {
    items: std::vec::IntoIter<Item>,
    found: Many<Metadata>,
}

/// A file that has arrived, but is not in its place.
struct Arrived {
    name: String,
    received: Received,
    room: OwnedSemaphorePermit,
}

impl Run {
    pub(super) fn new(io: AsyncIoSystem, settings: Settings, items: Vec<Item>) -> Self {
        let files = items.len();
        let found = find(&io, &settings.into, &items);
        Self {
            io,
            settings,
            next: AsyncMutex::new(Next { items: items.into_iter(), found }),
            room: Arc::new(Semaphore::new(ROOM)),
            progress: Arc::default(),
            report: Mutex::new(Report { files, ..Report::default() }),
        }
    }

    /// Fetches all files, with as many as there are jobs coming over the network at a time. Told to stop, it still puts
    /// what has arrived in its place.
    pub(super) async fn work(self: Arc<Self>, stop: &CancellationToken) {
        let (arrived, arrivals) = mpsc::channel(GROUP);
        let placing = tokio::spawn(Arc::clone(&self).put_in_place(arrivals));
        let mut receiving = JoinSet::new();
        let jobs = self.settings.jobs.get().min(self.report().files);
        for _ in 0..jobs {
            receiving.spawn(Arc::clone(&self).receive(arrived.clone(), stop.clone()));
        }
        drop(arrived);
        all_of(&mut receiving).await;
        or_panic(placing.await);
    }

    /// Receives one file after the other.
    async fn receive(self: Arc<Self>, arrived: Sender<Arrived>, stop: CancellationToken) {
        while let Some((item, found)) = self.next().await {
            if self.settings.keeps_existing && found.whole {
                self.report().kept += 1;
                continue;
            }
            let name = item.name.clone();
            let download = self.settings.download(&self.io, item, found.begun, &self.progress);
            let received = tokio::select! {
                received = download.receive() => received,
                () = stop.cancelled() => {
                    // What is dropped here has written down how far it came.
                    self.report().stopped = true;
                    return;
                }
            };
            match received {
                Ok(received) => {
                    let room = self.room_for(&received).await;
                    if arrived.send(Arrived { name, received, room }).await.is_err() {
                        // Whoever puts files in their places has panicked, which the run ends with.
                        return;
                    }
                }
                Err(error) => self.note(name, Err(error)),
            }
        }
    }

    async fn room_for(&self, received: &Received) -> OwnedSemaphorePermit {
        let weight = if is_small(received) { received.bytes().max(SMALLEST) } else { LONG };
        let weight = u32::try_from(weight).expect("it is a few MiB at most");
        Arc::clone(&self.room).acquire_many_owned(weight).await.expect("nobody closes it")
    }

    async fn next(&self) -> Option<(Item, Found)> {
        let mut next = self.next.lock().await;
        let Next { items, found } = &mut *next;
        Some((items.next()?, Found::next(found).await))
    }

    /// Puts whatever has arrived in its place: small files group by group, and the others each on its own, since syncing one
    /// takes so long that nobody else should wait for it.
    async fn put_in_place(self: Arc<Self>, mut arrivals: Receiver<Arrived>) {
        let (mut arrived, mut long) = (Vec::new(), JoinSet::new());
        while arrivals.recv_many(&mut arrived, GROUP).await > 0 {
            let (group, others): (Vec<_>, Vec<_>) =
                arrived.drain(..).partition(|one| is_small(&one.received));
            for one in others {
                long.spawn(Arc::clone(&self).put_together(vec![one]));
            }
            Arc::clone(&self).put_together(group).await;
            while let Some(ended) = long.try_join_next() {
                or_panic(ended);
            }
        }
        all_of(&mut long).await;
    }

    async fn put_together(self: Arc<Self>, group: Vec<Arrived>) {
        let (names, received): (Vec<_>, Vec<_>) =
            group.into_iter().map(|Arrived { name, received, room }| ((name, room), received)).unzip();
        let results = Received::put_all_in_place(received).await;
        for ((name, _room), result) in names.into_iter().zip(results) {
            self.note(name, result);
        }
    }

    fn note(&self, name: String, result: Result<Downloaded, Error>) {
        let mut report = self.report();
        match result {
            Ok(done) => {
                report.fetched += 1;
                report.bytes += done.bytes - done.kept;
            }
            Err(error) => report.failed.push(Failure { name, error: error.to_string() }),
        }
    }

    /// How many files are done with, of how many.
    pub(super) fn files(&self) -> (u64, u64) {
        let report = self.report();
        ((report.fetched + report.kept + report.failed.len()) as u64, report.files as u64)
    }

    pub(super) fn progress(&self) -> TransferSnapshot {
        self.progress.snapshot()
    }

    pub(super) fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_small(received: &Received) -> bool {
    received.bytes() <= SMALL
}

async fn all_of(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        or_panic(ended);
    }
}

fn or_panic(ended: Result<(), JoinError>) {
    ended.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
}
