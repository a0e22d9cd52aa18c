//! A whole run: all its sources, some at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_sql::{Column, Sql, TableSchema};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::format::{FormatError, FormatOptions, Limits, Sample};
use super::job::Job;
use super::ledger::{self, Ledger};
use super::open::Readers;
use super::pace::Pace;
use super::patience::Patience;
use super::plan::{IngestPlan, OnChange};
use super::progress::Progress;
use super::rejects::Rejects;
use super::report::{IngestReport, SourceReport};
use super::source::{self, Expanded, Source};
use crate::AsyncIoSystem;

/// Bytes of sources that all jobs together keep in batches. A job has three at a time (parsed, waiting, loaded), each
/// of which takes about three times its share of the source as typed rows.
const BATCH_BYTES: u64 = 8 << 20;

/// Jobs at the most: each has a thread of its own, and the runtime has not many for what blocks.
const MOST_JOBS: usize = 64;

/// What all jobs of a run share.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) sql: Sql,
    pub(crate) ledger: Ledger,
    /// Places for transactions, handed out in order: one for SQLite, which has one writer, else one a job.
    pub(crate) writers: Arc<Semaphore>,
    pub(crate) readers: Readers,
    pub(crate) table: String,
    pub(crate) format: FormatOptions,
    pub(crate) limits: Limits,
    jobs: usize,
    pub(crate) patience: Duration,
    pub(crate) on_change: OnChange,
    pub(crate) pace: Option<Arc<Pace>>,
    pub(crate) rejects: Arc<Rejects>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) stop: CancellationToken,
    /// The columns for a table that has to be made.
    schema: Option<Vec<Column>>,
    /// Held while the table is looked up and made, so that two jobs do not make it both.
    making_table: Mutex<()>,
}

impl AsyncIoSystem {
    /// Carries out an [`IngestPlan`] into this system's database. [`Progress`] can be read meanwhile; `stop` ends the
    /// run within half a second, with what is whole committed.
    ///
    /// A source that fails does not stop the others: its report says why.
    ///
    /// # Errors
    /// If there is nothing to begin with: a source that does not exist, a database that cannot be written.
    ///
    /// # Cancel safety
    /// Dropped at any point, or killed with its process, nothing is lost and nothing is stored twice: the same plan
    /// goes on where this one was.
    ///
    /// ```
    /// # async fn run(io: seawall::AsyncIoSystem) -> Result<(), seawall::core::Error> {
    /// use seawall::ingest::IngestPlan;
    ///
    /// let report = io.ingest(IngestPlan::new(["trades.csv"]), Default::default(), Default::default()).await?;
    /// println!("{} rows into {}", report.rows, report.table);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ingest(
        &self,
        plan: IngestPlan,
        progress: Arc<Progress>,
        stop: CancellationToken,
    ) -> Result<IngestReport, Error> {
        let started = Instant::now();
        let begun = tokio::select! {
            begun = self.begin(plan, progress, stop.clone()) => Some(begun?),
            () = stop.cancelled() => None,
        };
        let Some((run, sources, skipped)) = begun else {
            return Err(
                Error::new(FailureKind::Cancelled, "ingest", "run").with_message("stopped before it began")
            );
        };
        let reports = run.all(sources).await?;
        Ok(run.report(reports, &skipped, started.elapsed()))
    }

    /// Finds the sources, and the ledger that says where they stand.
    async fn begin(
        &self,
        plan: IngestPlan,
        progress: Arc<Progress>,
        stop: CancellationToken,
    ) -> Result<(Arc<Run>, Vec<Source>, Vec<PathBuf>), Error> {
        let arguments = plan.sources.clone();
        let suggested = || source::suggested_table(arguments.first().map_or("", String::as_str));
        let table = plan.table.clone().unwrap_or_else(suggested);
        ledger::check_target(&table)?;
        let Expanded { sources, skipped } = tokio::task::spawn_blocking(move || source::expand(&arguments))
            .await
            .map_err(|cause| cut_off(&table, cause))??;
        progress.sources.store(sources.len() as u64, Relaxed);
        let sql = self.sql().clone();
        let mut patience = Patience::new(plan.patience);
        let ledger = patience.insist(&table, || Ledger::open(&sql, &table)).await?;
        if patience.insist(&table, || sql.table(&table)).await?.is_none() {
            // Entries of a table that is gone would keep its sources from being ingested into a new one.
            patience.insist(&table, || ledger.forget_table()).await?;
        }
        let readers = Readers { fs: self.fs().clone(), http: self.http().clone() };
        let jobs = plan.jobs.get().min(MOST_JOBS).min(sources.len().max(1));
        let run = Run::new(plan, table, jobs, sql, ledger, readers, progress, stop);
        Ok((Arc::new(run), sources, skipped))
    }
}

impl Run {
    #[expect(clippy::too_many_arguments, reason = "it only puts together what a run is made of")]
    fn new(
        plan: IngestPlan,
        table: String,
        jobs: usize,
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
        let writers = if sql.system() == Some("sqlite") { 1 } else { jobs };
        Self {
            sql,
            ledger,
            writers: Arc::new(Semaphore::new(writers)),
            readers,
            table,
            format: plan.format,
            limits: Limits { rows, bytes },
            jobs,
            patience: plan.patience,
            on_change: plan.on_change,
            pace: plan.rate.map(|rate| Arc::new(Pace::new(rate))),
            rejects: Arc::new(Rejects::new(rejects)),
            progress,
            stop,
            schema: plan.schema,
            making_table: Mutex::new(()),
        }
    }

    async fn all(self: &Arc<Self>, sources: Vec<Source>) -> Result<Vec<SourceReport>, Error> {
        let places = Arc::new(Semaphore::new(self.jobs));
        let mut tasks = JoinSet::new();
        let mut reports: Vec<SourceReport> = Vec::new();
        for (index, source) in sources.into_iter().enumerate() {
            reports.push(SourceReport { source: source.name(), ..SourceReport::default() });
            let (run, places) = (Arc::clone(self), Arc::clone(&places));
            tasks.spawn(async move {
                // Places are handed out in the order of the sources, and never closed.
                let place = tokio::select! {
                    () = run.stop.cancelled() => None,
                    place = places.acquire_owned() => place.ok(),
                };
                let report = match place {
                    Some(_) => Some(Job::new(&run, source).ingest().await),
                    None => None,
                };
                run.progress.sources_ended.fetch_add(1, Relaxed);
                (index, report)
            });
        }
        while let Some(ended) = tasks.join_next().await {
            let (index, report) = ended.map_err(|cause| cut_off(&self.table, cause))?;
            if let Some(report) = report {
                reports[index] = report;
            }
        }
        Ok(reports)
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
            match self.sql.table(&self.table).await? {
                Some(existing) => return sample.fit(&existing.columns).map_err(unfit),
                None => return Err(error),
            }
        }
        sample.fit(&table.columns).map_err(unfit)
    }

    fn report(&self, sources: Vec<SourceReport>, skipped: &[PathBuf], took: Duration) -> IngestReport {
        let progress = self.progress.snapshot();
        let seconds = took.as_secs_f64();
        let rejected = sources.iter().map(|source| source.rejected).sum();
        IngestReport {
            table: self.table.clone(),
            rows: sources.iter().map(|source| source.rows).sum(),
            rejected,
            rejects_file: (rejected > 0).then(|| self.rejects.path().display().to_string()),
            bytes: progress.bytes,
            reconnects: progress.reconnects,
            seconds,
            rows_per_second: progress.rows as f64 / seconds.max(f64::EPSILON),
            skipped_files: skipped.iter().map(|path| path.display().to_string()).collect(),
            stopped: self.stop.is_cancelled(),
            sources,
        }
    }
}

fn cut_off(table: &str, cause: JoinError) -> Error {
    Error::new(FailureKind::Cancelled, "ingest", table.to_owned())
        .with_message("the run was cut off")
        .with_source(cause)
}
