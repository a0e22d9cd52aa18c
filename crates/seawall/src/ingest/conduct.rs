//! A whole run: finds the sources, does some at a time, and reports.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::job::Job;
use super::ledger::{self, Ledger};
use super::open::Readers;
use super::plan::IngestPlan;
use super::progress::Progress;
use super::report::{IngestReport, SourceReport};
use super::run::Run;
use super::source::{self, Expanded, Source};
use crate::AsyncIoSystem;
use crate::patience::Patience;

/// Jobs at the most: each has a thread of its own, and the runtime has not many for what blocks.
const MOST_JOBS: usize = 64;

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
        // Boxed, since it asks the database in several ways, and the caller would keep room for the largest.
        let begun = tokio::select! {
            begun = Box::pin(self.begin(plan, progress, stop.clone())) => Some(begun?),
            () = stop.cancelled() => None,
        };
        let Some((run, sources, skipped)) = begun else {
            return Err(
                Error::new(FailureKind::Cancelled, "ingest", "run").with_message("stopped before it began")
            );
        };
        let reports = all(&run, sources).await?;
        Ok(report(&run, reports, &skipped, started.elapsed()))
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
            ledger::check_upsert(&table, &plan.upsert)?;
            // Entries of a table that is gone would keep its sources from being ingested into a new one.
            patience.insist(&table, || ledger.forget_table()).await?;
        } else {
            patience.insist(&table, || ledger.check_table(&plan.upsert)).await?;
        }
        let readers = Readers { fs: self.fs().clone(), http: self.http().clone() };
        let jobs = plan.jobs.get().min(MOST_JOBS).min(sources.len().max(1));
        let connections = self.config().sql.pool.size.get();
        let run = Run::new(plan, table, jobs, connections, sql, ledger, readers, progress, stop);
        Ok((Arc::new(run), sources, skipped))
    }
}

/// Runs a job for each source, some at a time, in their order.
async fn all(run: &Arc<Run>, sources: Vec<Source>) -> Result<Vec<SourceReport>, Error> {
    let places = Arc::new(Semaphore::new(run.jobs));
    let mut tasks = JoinSet::new();
    let mut reports: Vec<SourceReport> = Vec::new();
    for (index, source) in sources.into_iter().enumerate() {
        reports.push(SourceReport { source: source.name(), ..SourceReport::default() });
        let (run, places) = (Arc::clone(run), Arc::clone(&places));
        // A task of its own, in the context of whoever asked for the run.
        tasks.spawn(CallContext::current().scope(async move {
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
        }));
    }
    while let Some(ended) = tasks.join_next().await {
        let (index, report) = ended.map_err(|cause| cut_off(&run.table, cause))?;
        if let Some(report) = report {
            reports[index] = report;
        }
    }
    Ok(reports)
}

fn report(run: &Run, sources: Vec<SourceReport>, skipped: &[PathBuf], took: Duration) -> IngestReport {
    let progress = run.progress.snapshot();
    let seconds = took.as_secs_f64();
    let rows: u64 = sources.iter().map(|source| source.rows).sum();
    let rejected = sources.iter().map(|source| source.rejected).sum();
    IngestReport {
        table: run.table.clone(),
        rows,
        rejected,
        rejects_file: (rejected > 0).then(|| run.rejects.path().display().to_string()),
        bytes: progress.bytes,
        reconnects: progress.reconnects,
        seconds,
        rows_per_second: rows as f64 / seconds.max(f64::EPSILON),
        skipped_files: skipped.iter().map(|path| path.display().to_string()).collect(),
        stopped: run.stop.is_cancelled(),
        sources,
    }
}

fn cut_off(table: &str, cause: JoinError) -> Error {
    Error::new(FailureKind::Cancelled, "ingest", table.to_owned())
        .with_message("the run was cut off")
        .with_source(cause)
}
