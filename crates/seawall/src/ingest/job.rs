//! One source from its beginning, or where an earlier run left it, to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_sql::{Column, TableSchema};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::format::{Batch, Sample};
use super::ledger::{self, History};
use super::load::Loader;
use super::open::{Found, Opened, open_stdin};
use super::parse::{ParseError, Parsed, Parser};
use super::patience::Patience;
use super::pump::Pump;
use super::recorded::Recorded;
use super::report::{SourceReport, SourceStatus};
use super::run::Run;
use super::source::Source;
use super::transfer::chunk_channel;

/// How long a batch that is being committed may still take when the run is stopped.
const STOP_GRACE: Duration = Duration::from_millis(350);

/// How often one run begins a source anew because it changed. A source that changes all the time has no state to
/// arrive at.
const MOST_CHANGES: u32 = 3;

/// One source of a run.
pub(crate) struct Job<'a> {
    pub(crate) run: &'a Arc<Run>,
    pub(crate) source: Source,
    /// Its name in messages, ledger and rejects.
    pub(crate) name: String,
    pub(crate) report: SourceReport,
}

/// How an attempt ended that did not fail.
enum Ended {
    Well(SourceStatus),
    /// The source is not the one that the ledger knows.
    Changed(String),
}

impl<'a> Job<'a> {
    pub(crate) fn new(run: &'a Arc<Run>, source: Source) -> Self {
        let name = source.name();
        let report = SourceReport { source: name.clone(), ..SourceReport::default() };
        Self { run, source, name, report }
    }

    /// Ingests the source and says how it went.
    pub(crate) async fn ingest(mut self) -> SourceReport {
        let stop = self.run.stop.clone();
        let stopped = async move {
            stop.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        let ended = tokio::select! {
            ended = self.attempts() => ended,
            () = stopped => Ok(SourceStatus::Stopped),
        };
        match ended {
            Ok(status) => self.report.status = status,
            Err(error) => {
                self.report.status = SourceStatus::Failed;
                self.report.error = Some(error.to_string());
            }
        }
        self.report
    }

    async fn attempts(&mut self) -> Result<SourceStatus, Error> {
        let mut generation = None;
        for _ in 0..=MOST_CHANGES {
            match self.attempt(generation).await? {
                Ended::Well(status) => return Ok(status),
                Ended::Changed(what) => generation = Some(self.begin_anew(&what).await?),
            }
        }
        Err(self.error(format!("changed {MOST_CHANGES} times while it was read")))
    }

    /// Reads the source once through. `fresh` is the generation to begin, after a change.
    async fn attempt(&mut self, fresh: Option<i64>) -> Result<Ended, Error> {
        let mut patience = Patience::new(self.run.patience);
        let early = match &self.source {
            Source::Stdin => {
                let (name, opened) = open_stdin().await?;
                self.name = name;
                Some(opened)
            }
            _ => None,
        };
        let history = match fresh {
            Some(_) => History::default(),
            None => self.history(&mut patience).await?,
        };
        let recorded = match history.last() {
            Some(last) => Some(last.layout.parse::<Recorded>().map_err(|what| self.error(format!("the ledger's entry {what}")))?),
            None => None,
        };
        let opened = match early {
            Some(opened) => opened,
            None => match self.open(&history, recorded.as_ref(), &mut patience).await? {
                Found::Open(opened) => opened,
                Found::AlreadyDone => {
                    self.note_history(&history);
                    return Ok(Ended::Well(SourceStatus::AlreadyDone));
                }
            },
        };
        self.note_history(&history);
        let generation = fresh.or_else(|| history.last().map(|last| last.generation)).unwrap_or_default();
        self.carry(opened, history, recorded, generation).await
    }

    /// Sets the three stages up and loads what comes out of them.
    async fn carry(
        &mut self,
        opened: Opened,
        history: History,
        recorded: Option<Recorded>,
        generation: i64,
    ) -> Result<Ended, Error> {
        let run = self.run;
        let already_done = history.last().is_some_and(|last| last.done);
        run.progress.bytes_expected.fetch_add(opened.length.unwrap_or_default(), Relaxed);
        let mut loader = Loader {
            sql: run.sql.clone(),
            rejects: Arc::clone(&run.rejects),
            pace: run.pace.clone(),
            progress: Arc::clone(&run.progress),
            patience: Patience::new(run.patience),
            table: TableSchema { name: run.table.clone(), columns: Vec::new() },
            source: self.name.clone(),
            version: opened.version.clone(),
            layout: String::new(),
            generation,
            next: history.last().map_or(0, |last| last.batch + 1),
        };
        loader.forget_rejects(history.position()).await?;
        let parser = Parser {
            source: self.name.clone(),
            file_name: self.source.file_name().to_owned(),
            options: run.format,
            limits: run.limits,
            at: opened.at,
            history,
            recorded,
        };
        let (chunks, reader) = chunk_channel();
        let pump = Pump {
            readers: run.readers.clone(),
            source: self.source.clone(),
            progress: Arc::clone(&run.progress),
            patience: run.patience,
        };
        let _pump = AbortOnDropHandle::new(tokio::spawn(pump.run(opened, chunks)));
        let (parsed, mut batches) = mpsc::channel(1);
        let (recycle, mut emptied) = mpsc::channel::<Batch>(2);
        let columns = columns_of(run);
        let thread = tokio::task::spawn_blocking(move || parser.run(reader, columns, &parsed, &mut emptied));

        while let Some(message) = batches.recv().await {
            if run.stop.is_cancelled() {
                return Ok(Ended::Well(SourceStatus::Stopped));
            }
            match message {
                Parsed::Recorded(recorded) => {
                    loader.layout = recorded.to_string();
                    loader.table.columns = recorded.layout.columns;
                }
                Parsed::Batch { batch, last } => {
                    // A finished source that has not grown needs no second end.
                    if !(already_done && batch.is_empty()) {
                        let stored = loader.load(&batch, last).await?;
                        self.report.rows += stored.rows;
                        self.report.rejected += stored.rejected;
                    }
                    // A full channel only means that the memory goes back to the allocator.
                    let _ = recycle.try_send(batch);
                }
            }
        }
        match thread.await {
            Ok(Ok(())) if already_done && self.report.rows + self.report.rejected == 0 => {
                Ok(Ended::Well(SourceStatus::AlreadyDone))
            }
            Ok(Ok(())) => Ok(Ended::Well(SourceStatus::Done)),
            Ok(Err(ParseError::Changed(what))) => Ok(Ended::Changed(what)),
            Ok(Err(ParseError::Failed(error))) => Err(error),
            Ok(Err(ParseError::NobodyListens)) | Err(_) => Err(self.error("the run was cut off".to_owned())),
        }
    }

    async fn history(&self, patience: &mut Patience) -> Result<History, Error> {
        loop {
            match ledger::history(&self.run.sql, &self.run.table, &self.name).await {
                Ok(history) => return Ok(history),
                Err(error) => patience.wait_after(error).await?,
            }
        }
    }

    async fn open(
        &self,
        history: &History,
        recorded: Option<&Recorded>,
        patience: &mut Patience,
    ) -> Result<Found, Error> {
        let seekable = recorded.is_some_and(Recorded::is_seekable);
        loop {
            match self.run.readers.open(&self.source, history, seekable).await {
                Ok(found) => return Ok(found),
                Err(error) => patience.wait_after(error).await?,
            }
            self.run.progress.reconnects.fetch_add(1, Relaxed);
        }
    }

    /// Makes room for the new version of the source, and says which generation it is.
    async fn begin_anew(&mut self, what: &str) -> Result<i64, Error> {
        let old = ledger::history(&self.run.sql, &self.run.table, &self.name).await?;
        let generation = old.last().map_or(0, |last| last.generation + 1);
        let forgotten = ledger::forget_sole_source(&self.run.sql, &self.run.table, &self.name).await?;
        let rows = old.rows();
        let fate = if rows == 0 {
            "nothing of it was stored".to_owned()
        } else if forgotten {
            format!("its {rows} rows were removed")
        } else {
            format!("its {rows} rows stay, for the table holds rows from elsewhere too: remove them yourself")
        };
        self.report.changed =
            Some(format!("the source changed since it was read ({what}); it was begun anew, and of the older version {fate}"));
        (self.report.rows, self.report.rejected, self.report.rows_before) = (0, 0, 0);
        Ok(generation)
    }

    fn note_history(&mut self, history: &History) {
        self.report.rows_before = history.rows();
        self.report.resumed_at = history.position();
    }

    fn error(&self, message: String) -> Error {
        Error::new(FailureKind::Permanent, "ingest", self.name.clone()).with_message(message)
    }
}

/// Finds a new source's columns in the table, which is made if it is missing. Runs on the parser's thread.
fn columns_of(run: &Arc<Run>) -> impl FnOnce(&Sample) -> Result<Vec<Column>, Error> + Send + use<> {
    let (run, runtime) = (Arc::clone(run), tokio::runtime::Handle::current());
    move |sample| runtime.block_on(run.columns_of(sample))
}
