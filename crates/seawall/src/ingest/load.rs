//! Commits batches: rows, rejects and the ledger's entry, all or nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use seawall_core::{Error, FailureKind};
use seawall_sql::{Sql, TableSchema};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::format::{Batch, Malformed};
use super::ledger::{Entry, Ledger, Removal};
use super::pace::Pace;
use super::progress::Progress;
use super::rejects::{Rejects, RejectsError};
use crate::patience::Patience;

/// Loads the batches of one source, one after the other.
#[derive(Debug)]
pub(crate) struct Loader {
    pub(crate) sql: Sql,
    pub(crate) ledger: Ledger,
    /// Who may write now; see [`Run::writers`](super::run::Run::writers).
    pub(crate) writers: Arc<Semaphore>,
    pub(crate) rejects: Arc<Rejects>,
    pub(crate) pace: Option<Arc<Pace>>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) patience: Patience,
    /// The table, with the columns that the source has.
    pub(crate) table: TableSchema,
    /// The key of rows that update those which are there; empty where all are inserted.
    pub(crate) upsert: Arc<[String]>,
    /// The source's name in ledger and rejects.
    pub(crate) source: String,
    /// What all of its entries say.
    pub(crate) version: Option<String>,
    pub(crate) layout: String,
    pub(crate) generation: i64,
    /// The number of the next batch.
    pub(crate) next: i64,
    /// Whether the next batch, if it is the first of a new version, takes the place of the older one.
    pub(crate) replaces: bool,
    /// What became of the older version's rows, once that is known.
    pub(crate) removal: Option<Removal>,
}

/// What became of a batch's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
}

impl Loader {
    /// Commits a batch, however often the database goes away meanwhile, while patience lasts. `last` says that the
    /// source ends with it.
    ///
    /// Cancel safe in the sense that matters: dropped at any point, the batch is either committed whole or not at
    /// all, and the ledger knows which.
    pub(crate) async fn load(&mut self, batch: &Batch, last: bool) -> Result<Stored, Error> {
        if let Some(pace) = &self.pace {
            pace.wait(batch.rows.len() as u64).await;
        }
        self.patience.progressed();
        let stored = loop {
            match self.commit_within_patience(batch, last).await {
                Ok(Some(stored)) => break stored,
                // Somebody else writes into the table too: then its rows are not ours to remove.
                Ok(None) => {
                    self.replaces = false;
                    self.removal = Some(Removal::NotOurs);
                }
                Err(error) => {
                    if let Some(stored) = self.after_failure(error, batch).await? {
                        break stored;
                    }
                }
            }
        };
        self.next += 1;
        if let (true, Some(Removal::Removed { .. })) = (self.replaces, self.removal) {
            let generation = self.generation;
            self.with_rejects(move |file, source| file.forget_older(source, generation)).await?;
        }
        // An older version makes room for rows, not for nothing: an empty file may be about to be written.
        self.replaces &= batch.rows.is_empty();
        self.progress.rows.fetch_add(stored.rows, Relaxed);
        self.progress.rejected.fetch_add(stored.rejected, Relaxed);
        Ok(stored)
    }

    async fn commit_within_patience(&mut self, batch: &Batch, last: bool) -> Result<Option<Stored>, Error> {
        // In the order they come, so that many jobs do not starve one of them.
        let writers = Arc::clone(&self.writers);
        let waiting = Instant::now();
        let _place = writers.acquire().await.expect("nobody closes the semaphore of a run");
        self.patience.excuse(waiting.elapsed());
        let limit = self.patience.limit();
        let committed = tokio::time::timeout(limit, self.commit(batch, last)).await;
        committed.unwrap_or_else(|_elapsed| {
            let message = format!("the database did not answer within {limit:?}");
            Err(Error::new(FailureKind::Timeout, "ingest", self.source.clone()).with_message(message))
        })
    }

    /// Commits the batch; `None` if the older version could not be removed after all, and nothing was done.
    async fn commit(&mut self, batch: &Batch, last: bool) -> Result<Option<Stored>, Error> {
        let mut transaction = self.sql.begin().await?;
        if self.replaces && !batch.rows.is_empty() {
            let removal =
                self.ledger.remove_sole_source(&mut transaction, &self.source, self.generation).await?;
            if removal == Removal::RollBack {
                transaction.rollback().await?;
                return Ok(None);
            }
            self.removal = Some(removal);
        }
        let (rows, refused) = if batch.rows.is_empty() {
            (0, Vec::new())
        } else {
            let loaded = if self.upsert.is_empty() {
                transaction.bulk_insert(&self.table, &batch.rows).await?
            } else {
                transaction.bulk_upsert(&self.table, &self.upsert, &batch.rows).await?
            };
            (loaded.rows, loaded.rejected)
        };
        let refused = refused.into_iter().map(|refused| batch.reject(refused.row, refused.reason));
        let mut rejects: Vec<Malformed> = batch.malformed.iter().cloned().chain(refused).collect();
        rejects.sort_by_key(|reject| reject.position);
        let entry = Entry {
            generation: self.generation,
            batch: self.next,
            start: batch.start.position,
            position: batch.end.position,
            line: batch.end.line,
            rows,
            rejected: rejects.len() as u64,
            checksum: batch.checksum,
            version: self.version.clone(),
            layout: self.layout.clone(),
            done: last,
            unclosed: batch.ends_unclosed,
        };
        self.ledger.record(&mut transaction, &self.source, &entry).await?;
        // Before the commit: a reject without its batch is taken back by the next run; a batch without its rejects
        // could not be mended.
        if !rejects.is_empty() {
            let generation = self.generation;
            self.with_rejects(move |file, source| file.append(source, generation, &rejects)).await?;
        }
        transaction.commit().await?;
        Ok(Some(Stored { rows, rejected: entry.rejected }))
    }

    /// Waits, and looks whether the batch was committed although its answer was lost.
    async fn after_failure(&mut self, error: Error, batch: &Batch) -> Result<Option<Stored>, Error> {
        let mut error = error;
        loop {
            self.patience.wait_after(error).await?;
            self.progress.reconnects.fetch_add(1, Relaxed);
            match self.patience.bound(&self.source, self.ledger.history(&self.source)).await {
                Ok(history) => {
                    let wanted = (self.generation, self.next);
                    let committed = history.last().filter(|last| (last.generation, last.batch) == wanted);
                    if committed.is_none() {
                        self.forget_rejects(batch.start.position).await?;
                    }
                    return Ok(committed.map(|last| Stored { rows: last.rows, rejected: last.rejected }));
                }
                Err(again) => error = again,
            }
        }
    }

    /// Takes back the rejects of what is not committed.
    pub(crate) async fn forget_rejects(&self, position: u64) -> Result<(), Error> {
        let generation = self.generation;
        self.with_rejects(move |file, source| file.forget_from(source, generation, position)).await
    }

    async fn with_rejects(
        &self,
        write: impl FnOnce(&Rejects, &str) -> Result<(), RejectsError> + Send + 'static,
    ) -> Result<(), Error> {
        let (file, source) = (Arc::clone(&self.rejects), self.source.clone());
        let written = tokio::task::spawn_blocking(move || write(&file, &source)).await;
        let failed = |message: String| {
            Error::new(FailureKind::Permanent, "ingest", self.source.clone()).with_message(message)
        };
        match written {
            Ok(written) => written.map_err(|error| failed(error.to_string())),
            Err(_) => Err(failed("the runtime shut down while rejects were written".to_owned())),
        }
    }
}
