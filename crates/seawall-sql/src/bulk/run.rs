use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};
use seawall_core::{Error, FailureKind};

use super::builder::Place;
use super::load::Refusals;
use super::plan;
use super::source::{Limits, Rows, misfit};
use super::target::Target;
use crate::{Bulk, BulkProgress, BulkReport, Loaded, RejectedRow, RowBatch, Sql, Transaction, classify};

impl Bulk<'_> {
    pub(super) async fn run(mut self) -> Result<BulkReport, Error> {
        let (mut target, first) = self.begin().await?;
        if first.is_empty() {
            return Ok(BulkReport::default());
        }
        let mut next = RowBatch::new(target.width());
        if !self.rows.ended {
            // Rows that fill one chunk to the brim are as one that has room left.
            self.rows.peek(&mut next).await?;
        }
        let mut tally = Tally {
            report: BulkReport::default(),
            taken: 0,
            max_rejected: self.max_rejected,
            progress: self.progress.take().unwrap_or_default(),
        };
        if target.if_declared.is_some() {
            match self.load_as_remembered(&target, &first).await? {
                Remembered::Rightly(loaded) => {
                    tally.note(loaded, first.len(), true)?;
                    return Ok(tally.report);
                }
                Remembered::Otherwise(table) => target = table,
            }
            if target.width() != first.width() {
                return Err(misfit(0, first.width(), target.width()));
            }
        }
        let mut work =
            Work { target, rows: self.rows, limits: self.limits, leaves_out: self.commit_each_chunk, tally };
        match self.place {
            // Whoever commits it knows when.
            Place::Transaction(outer) => {
                outer.savepoint(async |tx| work.all(Sink::Whole(tx), first, next).await).await?;
            }
            Place::Client(sql) if self.commit_each_chunk => {
                let done = work.all(Sink::Chunks(sql), first, next).await;
                done.map_err(|error| after(work.tally.report.rows, error))?;
            }
            // All of it is here, and can be sent again.
            Place::Client(sql) if work.rows.ended => {
                work.all(Sink::Once(sql), first, next).await?;
                work.tally.committed(work.tally.report.rows);
            }
            Place::Client(sql) => {
                let mut transaction = sql.begin().await?;
                if let Err(error) = work.all(Sink::Whole(&mut transaction), first, next).await {
                    // It is undone all the same if that fails.
                    let _ = transaction.rollback().await;
                    return Err(error);
                }
                transaction.commit().await?;
                work.tally.committed(work.tally.report.rows);
            }
        }
        Ok(work.tally.report)
    }

    /// What the rows go to, as far as it is known without asking for it, and the first of them.
    async fn begin(&mut self) -> Result<(Target, RowBatch), Error> {
        let mut target = match plan::remembered(self) {
            Some(target) => target,
            None => plan::target(self).await?.0,
        };
        let mut first = RowBatch::new(target.width());
        if let Err(error) = self.rows.fill(&mut first, self.limits).await {
            if target.if_declared.is_none() || !self.rows.begin_unlike(&first) {
                return Err(error);
            }
            // The rows may know better what the table is made of.
            target = plan::target(self).await?.0;
            self.rows.begin_again(&mut first, target.width())?;
            self.rows.fill(&mut first, self.limits).await?;
        }
        Ok((target, first))
    }

    /// Loads rows that are all here into a table that only the server looks at again, with the rows. The others can afford
    /// to ask before.
    async fn load_as_remembered(&mut self, target: &Target, rows: &RowBatch) -> Result<Remembered, Error> {
        let mut nothing = None;
        if let Place::Client(sql) = self.place
            && self.rows.ended
            && !self.commit_each_chunk
        {
            match sql.transaction(async |tx| tx.load(target, rows, Refusals::Unsought).await).await {
                Ok(loaded) if loaded.changed > 0 => return Ok(Remembered::Rightly(loaded)),
                Ok(loaded) => nothing = Some(loaded),
                Err(error) if classify::is_refusal(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let (table, is_the_same) = plan::target(self).await?;
        Ok(match nothing {
            Some(loaded) if is_the_same => Remembered::Rightly(loaded),
            _ => Remembered::Otherwise(table),
        })
    }
}

/// Whether a table is what it was when somebody looked last.
enum Remembered {
    /// It is, and the rows are loaded.
    Rightly(Loaded),
    /// It may not be, and nothing was changed.
    Otherwise(Target),
}

/// Where chunks go.
enum Sink<'t> {
    /// Into a transaction that is open.
    Whole(&'t mut Transaction),
    /// Into one transaction each.
    Chunks(&'t Sql),
    /// Into one transaction, as there is one chunk.
    Once(&'t Sql),
}

impl Sink<'_> {
    async fn load(&mut self, target: &Target, chunk: &RowBatch, refusals: Refusals) -> Result<Loaded, Error> {
        match self {
            Self::Whole(transaction) => transaction.load(target, chunk, refusals).await,
            Self::Chunks(sql) | Self::Once(sql) => {
                let load =
                    async |refusals| sql.transaction(async |tx| tx.load(target, chunk, refusals).await).await;
                // Most chunks hold no row that is refused, and looking for one costs those around it.
                match load(Refusals::Unsought).await {
                    Err(error) if classify::is_about_data(&error) => load(refusals).await,
                    loaded => loaded,
                }
            }
        }
    }
}

/// What is to be done, and what was.
struct Work<'a> {
    target: Target,
    rows: Rows<'a>,
    limits: Limits,
    leaves_out: bool,
    tally: Tally,
}

impl Work<'_> {
    /// Brings the first chunk and all that follow to where they go. While one is on its way, the next is filled.
    async fn all(&mut self, mut sink: Sink<'_>, first: RowBatch, mut next: RowBatch) -> Result<(), Error> {
        let Self { target, rows, limits, leaves_out, tally } = self;
        let commits = matches!(sink, Sink::Chunks(_));
        let mut chunk = first;
        while !chunk.is_empty() {
            let refusals =
                if *leaves_out { Refusals::LeftOut } else { Refusals::Fail { first: tally.taken } };
            {
                let load = pin!(sink.load(target, &chunk, refusals));
                let fill = pin!(rows.fill(&mut next, *limits));
                match select(load, fill).await {
                    Either::Left((loaded, fill)) => {
                        tally.note(loaded?, chunk.len(), commits)?;
                        fill.await?;
                    }
                    // What is on its way arrives, though nothing comes after it.
                    Either::Right((filled, load)) => {
                        tally.note(load.await?, chunk.len(), commits)?;
                        filled?;
                    }
                }
            }
            std::mem::swap(&mut chunk, &mut next);
            next.clear();
        }
        Ok(())
    }
}

struct Tally {
    report: BulkReport,
    /// Rows that were sent, with those that were refused.
    taken: u64,
    max_rejected: usize,
    progress: Arc<BulkProgress>,
}

impl Tally {
    fn note(&mut self, loaded: Loaded, rows: usize, committed: bool) -> Result<(), Error> {
        let first = usize::try_from(self.taken).unwrap_or(usize::MAX);
        self.taken += rows as u64;
        self.report.chunks += 1;
        self.report.rows += loaded.rows;
        self.report.changed += loaded.changed;
        self.progress.loaded(loaded.rows, loaded.rejected.len() as u64);
        if committed {
            self.committed(loaded.rows);
        }
        let rejected = loaded.rejected.into_iter();
        self.report.rejected.extend(
            rejected
                .map(|RejectedRow { row, reason }| RejectedRow { row: first.saturating_add(row), reason }),
        );
        match self.report.rejected.first() {
            Some(RejectedRow { row, reason }) if self.report.rejected.len() > self.max_rejected => {
                let message = format!(
                    "more than {} rows were refused, the first of them row {row} (from 0): {reason}",
                    self.max_rejected
                );
                Err(Error::new(FailureKind::Permanent, "sql", "rows").with_message(message))
            }
            _ => Ok(()),
        }
    }

    fn committed(&self, rows: u64) {
        self.progress.committed(rows);
    }
}

/// The error of what committed some of its rows before.
fn after(rows: u64, error: Error) -> Error {
    if rows == 0 {
        return error;
    }
    Error::new(error.kind(), error.layer(), error.name().to_owned())
        .with_message(format!("{rows} rows were committed before"))
        .with_source(error)
}
