use std::borrow::Borrow;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_util::Stream;
use seawall_core::{Error, FailureKind};

use crate::{RowBatch, ToRow};

/// What rows can come from: anything that can be iterated over or streamed and yields [`ToRow`]s, a stream of
/// `Result`s of these, or a [`RowBatch`].
///
/// `Kind` says which of these it is; the compiler finds it out.
pub trait IntoRows<'a, Kind> {
    /// The rows.
    fn into_rows(self) -> Rows<'a>;
}

/// The kinds of [`IntoRows`].
pub mod kind {
    /// Something that can be iterated over.
    #[derive(Debug)]
    pub enum Iterated {}
    /// A stream of rows.
    #[derive(Debug)]
    pub enum Streamed {}
    /// A stream of rows that may fail.
    #[derive(Debug)]
    pub enum TryStreamed {}
    /// A batch of rows.
    #[derive(Debug)]
    pub enum Batched {}
}

/// Rows from anywhere.
pub struct Rows<'a> {
    source: Box<dyn Source + Send + 'a>,
    taken: u64,
    pub(super) ended: bool,
}

/// How large chunks may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

/// Puts its next row into the batch; `None` if there is none.
trait Source {
    fn poll_row(&mut self, cx: &mut Context<'_>, batch: &mut RowBatch) -> Poll<Option<Result<(), Error>>>;
}

impl<'a> Rows<'a> {
    fn new(source: impl Source + Send + 'a) -> Self {
        Self { source: Box::new(source), taken: 0, ended: false }
    }

    /// Fills the batch with the rows that follow, until it is full or they end.
    ///
    /// Cancel safe: the batch keeps what it was given.
    pub(super) async fn fill(&mut self, batch: &mut RowBatch, limits: Limits) -> Result<(), Error> {
        poll_fn(|cx| {
            while !self.ended && batch.len() < limits.rows && batch.size() < limits.bytes {
                let before = batch.cells();
                match self.source.poll_row(cx, batch) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => self.ended = true,
                    Poll::Ready(Some(Err(error))) => {
                        self.ended = true;
                        return Poll::Ready(Err(error));
                    }
                    Poll::Ready(Some(Ok(()))) => {
                        let cells = batch.cells() - before;
                        if cells != batch.width() {
                            self.ended = true;
                            return Poll::Ready(Err(misfit(self.taken, cells, batch.width())));
                        }
                        self.taken += 1;
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}

impl Rows<'_> {
    /// Asks for one row more without waiting for it, so that it is known whether they have ended.
    pub(super) async fn peek(&mut self, batch: &mut RowBatch) -> Result<(), Error> {
        let one = Limits { rows: 1, bytes: usize::MAX };
        poll_fn(|cx| match pin!(self.fill(batch, one)).poll(cx) {
            Poll::Ready(filled) => Poll::Ready(filled),
            Poll::Pending => Poll::Ready(Ok(())),
        })
        .await
    }

    /// Whether the first of all rows did not have the width of the batch. It is in it then.
    pub(super) fn begin_unlike(&self, batch: &RowBatch) -> bool {
        self.taken == 0 && batch.cells() > 0
    }

    /// Takes the first row for what it is, as it was the batch that was wrong about it.
    ///
    /// # Errors
    /// If it has not this width either.
    pub(super) fn begin_again(&mut self, batch: &mut RowBatch, width: usize) -> Result<(), Error> {
        if batch.cells() != width {
            return Err(misfit(0, batch.cells(), width));
        }
        batch.widen(width);
        (self.taken, self.ended) = (1, false);
        Ok(())
    }
}

pub(super) fn misfit(row: u64, cells: usize, columns: usize) -> Error {
    Error::new(FailureKind::Permanent, "sql", "rows")
        .with_message(format!("row {row} (from 0) has {cells} cells, and there are {columns} columns"))
        .not_executed()
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("taken", &self.taken).field("ended", &self.ended).finish_non_exhaustive()
    }
}

struct Iterated<I>(I);

impl<I: Iterator<Item: ToRow>> Source for Iterated<I> {
    fn poll_row(&mut self, _: &mut Context<'_>, batch: &mut RowBatch) -> Poll<Option<Result<(), Error>>> {
        Poll::Ready(self.0.next().map(|row| {
            row.to_row(batch);
            Ok(())
        }))
    }
}

impl<'a, I> IntoRows<'a, kind::Iterated> for I
where
    I: IntoIterator<Item: ToRow, IntoIter: Send + 'a>,
{
    fn into_rows(self) -> Rows<'a> {
        Rows::new(Iterated(self.into_iter()))
    }
}

struct Streamed<S>(Pin<Box<S>>);

impl<S: Stream<Item: ToRow>> Source for Streamed<S> {
    fn poll_row(&mut self, cx: &mut Context<'_>, batch: &mut RowBatch) -> Poll<Option<Result<(), Error>>> {
        self.0.as_mut().poll_next(cx).map(|row| {
            row.map(|row| {
                row.to_row(batch);
                Ok(())
            })
        })
    }
}

impl<'a, S> IntoRows<'a, kind::Streamed> for S
where
    S: Stream<Item: ToRow> + Send + 'a,
{
    fn into_rows(self) -> Rows<'a> {
        Rows::new(Streamed(Box::pin(self)))
    }
}

struct TryStreamed<S>(Pin<Box<S>>);

impl<S, R, E> Source for TryStreamed<S>
where
    S: Stream<Item = Result<R, E>>,
    R: ToRow,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn poll_row(&mut self, cx: &mut Context<'_>, batch: &mut RowBatch) -> Poll<Option<Result<(), Error>>> {
        self.0.as_mut().poll_next(cx).map(|row| {
            Some(match row? {
                Ok(row) => {
                    row.to_row(batch);
                    Ok(())
                }
                Err(error) => Err(Error::from_boxed(error.into(), "sql", "rows")),
            })
        })
    }
}

impl<'a, S, R, E> IntoRows<'a, kind::TryStreamed> for S
where
    S: Stream<Item = Result<R, E>> + Send + 'a,
    R: ToRow,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn into_rows(self) -> Rows<'a> {
        Rows::new(TryStreamed(Box::pin(self)))
    }
}

struct Batched<B> {
    batch: B,
    at: usize,
}

impl<B: Borrow<RowBatch>> Source for Batched<B> {
    fn poll_row(&mut self, _: &mut Context<'_>, batch: &mut RowBatch) -> Poll<Option<Result<(), Error>>> {
        let from: &RowBatch = self.batch.borrow();
        Poll::Ready((self.at < from.len()).then(|| {
            for cell in from.row(self.at) {
                batch.push(cell);
            }
            self.at += 1;
            Ok(())
        }))
    }
}

impl<'a> IntoRows<'a, kind::Batched> for RowBatch {
    fn into_rows(self) -> Rows<'a> {
        Rows::new(Batched { batch: self, at: 0 })
    }
}

impl<'a> IntoRows<'a, kind::Batched> for &'a RowBatch {
    fn into_rows(self) -> Rows<'a> {
        Rows::new(Batched { batch: self, at: 0 })
    }
}
