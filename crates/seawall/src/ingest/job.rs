//! One source from its beginning, or where an earlier run left it, to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind};
use seawall_sql::{Column, TableSchema};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::format::Sample;
use super::ledger::{History, Removal};
use super::load::Loader;
use super::open::{Found, Opened, open_stdin};
use super::parse::{ParseError, Parsed, Parser};
use super::plan::OnChange;
use super::pump::Pump;
use super::recorded::Recorded;
use super::report::{SourceReport, SourceStatus};
use super::run::Run;
use super::source::Source;
use super::transfer::chunk_channel;
use crate::patience::Patience;

/// How long the rows that are under way may still take to be committed when the run is stopped.
const STOP_GRACE: Duration = Duration::from_millis(300);

/// How often one run begins a source again because it changed, or seemed to. A source that changes all the time has
/// no state to arrive at.
const MOST_ATTEMPTS: u32 = 4;

/// One source of a run.
pub(crate) struct Job<'a> {
    run: &'a Arc<Run>,
    source: Source,
    /// Its name in messages, ledger and rejects.
    name: String,
    report: SourceReport,
    patience: Patience,
    /// The generation to begin, after a change.
    fresh: Option<i64>,
    /// What was found to have changed.
    change: Option<Change>,
    /// What this source has added to the bytes expected of the run.
    expected: Option<u64>,
}

/// A change of the source, and what became of its older rows.
struct Change {
    what: String,
    older_rows: u64,
    removal: Option<Removal>,
}

/// How an attempt ended that did not fail.
enum Ended {
    Well(SourceStatus),
    /// What the ledger knows of the source is not in it any more.
    Changed(String),
    /// Another attempt will tell.
    Suspect,
}

impl<'a> Job<'a> {
    pub(crate) fn new(run: &'a Arc<Run>, source: Source) -> Self {
        let name = source.name();
        let report = SourceReport { source: name.clone(), ..SourceReport::default() };
        let patience = Patience::new(run.patience);
        Self { run, source, name, report, patience, fresh: None, change: None, expected: None }
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
        // It has ended: no more is to come than it said.
        self.expect_bytes(Some(self.expected.unwrap_or_default()));
        self.report.changed = self.change.as_ref().map(Change::tell);
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
        let mut left = MOST_ATTEMPTS;
        let mut stored = 0;
        loop {
            let seems = match self.attempt().await? {
                Ended::Well(status) => return Ok(status),
                Ended::Changed(what) => {
                    self.begin_anew(&what).await?;
                    "changed"
                }
                Ended::Suspect => "could not be read on where it broke off, or seemed to change,",
            };
            if self.report.rows + self.report.rejected > stored {
                // It got further: then there is hope.
                (left, stored) = (MOST_ATTEMPTS, self.report.rows + self.report.rejected);
            }
            left -= 1;
            if left == 0 {
                return Err(self.error(format!("{seems} {MOST_ATTEMPTS} times in a row")));
            }
        }
    }

    /// Reads the source once through.
    async fn attempt(&mut self) -> Result<Ended, Error> {
        self.patience.progressed();
        let early = match &self.source {
            Source::Stdin => {
                let (name, opened) = open_stdin().await?;
                self.name = name;
                Some(opened)
            }
            _ => None,
        };
        let history = self.history().await?;
        self.report.rows_before = history.rows().saturating_sub(self.report.rows);
        if self.report.rows == 0 {
            self.report.resumed_at = history.position();
        }
        let recorded = match history.last().map(|last| last.layout.parse::<Recorded>()) {
            Some(recorded) => {
                Some(recorded.map_err(|what| self.error(format!("the ledger's entry {what}")))?)
            }
            None => None,
        };
        let opened = match early {
            Some(opened) => opened,
            None => match self.open(&history, recorded.as_ref()).await? {
                Found::Open(opened) => opened,
                Found::AlreadyDone => return Ok(Ended::Well(SourceStatus::AlreadyDone)),
            },
        };
        self.carry(opened, history, recorded).await
    }

    /// Sets the three stages up and loads what comes out of them.
    async fn carry(
        &mut self,
        opened: Opened,
        history: History,
        recorded: Option<Recorded>,
    ) -> Result<Ended, Error> {
        let run = self.run;
        let mut already_done = history.last().is_some_and(|last| last.done);
        self.expect_bytes(opened.length);
        let mut loader = self.loader(&history, opened.lasting_version.clone());
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
        // Ended by a stop, so that the parser hands out the rows it has, and the loader commits them.
        let stop = run.stop.clone();
        let pumping = async move { stop.run_until_cancelled(pump.run(opened, chunks)).await };
        let _pump = AbortOnDropHandle::new(tokio::spawn(CallContext::current().scope(pumping)));
        let (parsed, mut batches) = mpsc::channel(1);
        let columns = columns_of(run);
        let spares = Arc::clone(&run.spares);
        let thread = tokio::task::spawn_blocking(move || parser.run(reader, columns, &parsed, &spares));

        while let Some(message) = batches.recv().await {
            match message {
                Parsed::Recorded(recorded) => {
                    loader.layout = recorded.to_string();
                    loader.table.columns = recorded.layout.columns;
                }
                Parsed::Batch { batch, last } => {
                    // A finished source that has not grown needs no second end.
                    if !(already_done && batch.is_empty()) {
                        let stored = loader.load(&batch, last).await?;
                        already_done = false;
                        self.report.rows += stored.rows;
                        self.report.rejected += stored.rejected;
                        if let Some(change) = &mut self.change {
                            change.removal = loader.removal.take().or(change.removal);
                        }
                    }
                    run.spares.give(batch);
                }
            }
        }
        match thread.await {
            Ok(Ok(())) if already_done => Ok(Ended::Well(SourceStatus::AlreadyDone)),
            Ok(Ok(())) => Ok(Ended::Well(SourceStatus::Done)),
            _ if run.stop.is_cancelled() => Ok(Ended::Well(SourceStatus::Stopped)),
            Ok(Err(ParseError::Changed(what))) => Ok(Ended::Changed(what)),
            Ok(Err(ParseError::Suspect)) => Ok(Ended::Suspect),
            Ok(Err(ParseError::Failed(error))) => Err(error),
            Ok(Err(ParseError::NobodyListens)) | Err(_) => Err(self.error("the run was cut off".to_owned())),
        }
    }

    fn loader(&self, history: &History, version: Option<String>) -> Loader {
        let run = self.run;
        let begun = history.last();
        Loader {
            sql: run.sql.clone(),
            ledger: run.ledger.clone(),
            writers: Arc::clone(&run.writers),
            rejects: Arc::clone(&run.rejects),
            pace: run.pace.clone(),
            progress: Arc::clone(&run.progress),
            patience: Patience::new(run.patience),
            table: TableSchema { name: run.table.clone(), columns: Vec::new() },
            upsert: Arc::clone(&run.upsert),
            source: self.name.clone(),
            version,
            layout: String::new(),
            generation: begun.map(|last| last.generation).or(self.fresh).unwrap_or_default(),
            next: begun.map_or(0, |last| last.batch + 1),
            replaces: begun.is_none() && self.fresh.is_some() && run.on_change == OnChange::Replace,
            removal: None,
        }
    }

    /// What is committed of this version of the source.
    async fn history(&mut self) -> Result<History, Error> {
        let (ledger, name) = (&self.run.ledger, self.name.as_str());
        let history = self.patience.insist(name, || ledger.history(name)).await?;
        let is_older = |fresh| history.last().is_none_or(|last| last.generation < fresh);
        Ok(if self.fresh.is_some_and(is_older) { History::default() } else { history })
    }

    async fn open(&mut self, history: &History, recorded: Option<&Recorded>) -> Result<Found, Error> {
        let seekable = recorded.is_some_and(Recorded::is_seekable);
        let (readers, source) = (&self.run.readers, &self.source);
        self.patience.insist(&self.name, || readers.open(source, history, seekable)).await
    }

    /// Makes ready for the new version of the source. Nothing of the older one is touched yet: its rows go, if they
    /// go, in the transaction that brings the first rows of the new one.
    async fn begin_anew(&mut self, what: &str) -> Result<(), Error> {
        let (ledger, name) = (&self.run.ledger, self.name.as_str());
        let old = self.patience.insist(name, || ledger.history(name)).await?;
        let changed = format!("the source is not the one that was read before: {what}");
        if matches!(self.source, Source::Stdin) {
            return Err(self.error(format!("{changed}; nothing was done. Ingest it into another table")));
        }
        if self.run.on_change == OnChange::Fail {
            return Err(self.error(format!("{changed}; nothing was done")));
        }
        self.fresh = Some(old.last().map_or(0, |last| last.generation + 1));
        self.change = Some(Change { what: changed, older_rows: old.rows(), removal: None });
        self.report = SourceReport { source: self.report.source.clone(), ..SourceReport::default() };
        Ok(())
    }

    /// Tells the run's progress how many bytes are to come from this source, in place of what it was told before.
    fn expect_bytes(&mut self, bytes: Option<u64>) {
        let progress = &self.run.progress;
        if let (None, Some(_)) = (self.expected, bytes) {
            progress.sources_sized.fetch_add(1, Relaxed);
        }
        let before = self.expected.unwrap_or_default();
        let now = bytes.or(self.expected).unwrap_or_default();
        progress.bytes_expected.fetch_add(now.wrapping_sub(before), Relaxed);
        self.expected = bytes.or(self.expected);
    }

    fn error(&self, message: String) -> Error {
        Error::new(FailureKind::Permanent, "ingest", self.name.clone()).with_message(message)
    }
}

impl Change {
    fn tell(&self) -> String {
        let Self { what, older_rows, removal } = self;
        let begun = format!("{what}; it was begun anew, and");
        match removal {
            Some(Removal::Removed { rows }) => format!("{begun} {rows} older rows made room for it"),
            Some(Removal::NotOurs | Removal::RollBack) => format!(
                "{begun} the {older_rows} older rows stay, for the table holds other rows too, or others refer to it: \
                 remove them yourself"
            ),
            None => format!("{begun} the {older_rows} older rows stay"),
        }
    }
}

/// Finds a new source's columns in the table, which is made if it is missing. Runs on the parser's thread.
fn columns_of(run: &Arc<Run>) -> impl FnOnce(&Sample) -> Result<Vec<Column>, Error> + Send + use<> {
    let (run, runtime, context) =
        (Arc::clone(run), tokio::runtime::Handle::current(), CallContext::current());
    move |sample| runtime.block_on(context.scope(run.columns_of(sample)))
}
