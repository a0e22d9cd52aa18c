//! What all jobs of a run share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_sql::{Column, Sql, TableSchema};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use super::format::{FormatError, FormatOptions, Limits, Sample};
use super::ledger::Ledger;
use super::open::Readers;
use super::pace::Pace;
use super::plan::{IngestPlan, OnChange};
use super::progress::Progress;
use super::rejects::Rejects;
use super::spares::Spares;
use crate::patience::Patience;

/// Bytes of sources that all jobs together keep in batches at a time. A job has three (parsed, waiting, loaded), each
/// of which takes about four times its share of the source: as typed rows, and as the text they came from.
const BATCH_BYTES: u64 = 4 << 20;

/// What all jobs of a run share.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) sql: Sql,
    pub(crate) ledger: Ledger,
    /// Places for transactions, handed out in order: one for SQLite, which has one writer, else one a job, as
    /// far as there are connections.
    pub(crate) writers: Arc<Semaphore>,
    pub(crate) readers: Readers,
    pub(crate) table: String,
    pub(crate) format: FormatOptions,
    pub(crate) limits: Limits,
    pub(crate) jobs: usize,
    pub(crate) patience: Duration,
    pub(crate) on_change: OnChange,
    pub(crate) upsert: Arc<[String]>,
    pub(crate) pace: Option<Arc<Pace>>,
    pub(crate) rejects: Arc<Rejects>,
    pub(crate) spares: Arc<Spares>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) stop: CancellationToken,
    /// The columns for a table that has to be made.
    schema: Option<Vec<Column>>,
    /// Held while the table is looked up and made, so that two jobs do not make it both.
    making_table: Mutex<()>,
}

impl Run {
    #[expect(clippy::too_many_arguments, reason = "it only puts together what a run is made of")]
    pub(crate) fn new(
        plan: IngestPlan,
        table: String,
        jobs: usize,
        connections: usize,
        sql: Sql,
        ledger: Ledger,
        readers: Readers,
        progress: Arc<Progress>,
        stop: CancellationToken,
    ) -> Self {
        let rejects = plan.rejects.unwrap_or_else(|| PathBuf::from(format!("{table}.rejects.ndjson")));
        // A slow run commits a few times a second all the same, so that little is left to read again.
        let most_rows = plan.rate.map_or(u64::MAX, |rate| (rate.get() / 4).max(1));
        let rows = usize::try_from(most_rows).unwrap_or(usize::MAX).min(plan.batch_rows.get());
        let bytes = (BATCH_BYTES / jobs as u64).min(BATCH_BYTES / 2);
        let writers = if sql.system() == Some("sqlite") { 1 } else { jobs.min(connections) };
        Self {
            sql,
            ledger,
            writers: Arc::new(Semaphore::new(writers)),
            readers,
            rejects: Arc::new(Rejects::new(rejects, table.clone())),
            table,
            format: plan.format,
            limits: Limits { rows, bytes },
            jobs,
            patience: plan.patience,
            on_change: plan.on_change,
            upsert: plan.upsert.into(),
            pace: plan.rate.map(|rate| Arc::new(Pace::new(rate))),
            spares: Arc::new(Spares::new(3 * jobs)),
            progress,
            stop,
            schema: plan.schema,
            making_table: Mutex::new(()),
        }
    }

    /// What a new source's columns are in the table; makes the table if it is missing.
    pub(crate) async fn columns_of(&self, sample: &Sample) -> Result<Vec<Column>, Error> {
        let _only_one = self.making_table.lock().await;
        let unfit = |error: FormatError| {
            Error::new(FailureKind::Permanent, "ingest", self.table.clone()).with_message(error.to_string())
        };
        let mut patience = Patience::new(self.patience);
        let existing = patience.insist(&self.table, || self.sql.table(&self.table)).await?;
        if let Some(table) = existing {
            return sample.fit(&table.columns).map_err(unfit);
        }
        let columns = match &self.schema {
            Some(schema) => sample.fit(schema).map(|_| schema.clone()).map_err(unfit)?,
            None => sample.infer().map_err(unfit)?,
        };
        let table = TableSchema { name: self.table.clone(), columns };
        if let Err(error) = patience.bound(&self.table, self.sql.create_table(&table)).await {
            // Another process may have made it in the same moment.
            match patience.bound(&self.table, self.sql.table(&self.table)).await? {
                Some(existing) => return sample.fit(&existing.columns).map_err(unfit),
                None => return Err(error),
            }
        }
        patience.insist(&self.table, || self.ledger.check_table(&self.upsert)).await?;
        sample.fit(&table.columns).map_err(unfit)
    }
}
