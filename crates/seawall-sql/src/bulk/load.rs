use std::ops::Range;
use std::sync::Arc;

use seawall_core::{CallContext, Error};

#[cfg(feature = "mysql")]
use super::mysql;
#[cfg(feature = "postgres")]
use super::postgres;
use super::report::{Loaded, RejectedRow, refused};
#[cfg(feature = "sqlite")]
use super::sqlite;
use super::target::Target;
use crate::driver::Way;
use crate::pool::{Fault, Lease, deadline_passed};
use crate::{Connection, RowBatch, classify, schema};

/// What is done about a row that the database refuses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusals {
    /// It is left out and reported.
    LeftOut,
    /// It is the error of the whole, which names it: the first row of the batch has this number.
    Fail { first: u64 },
    /// It is the error of the whole, as the database says it. Nobody looks for it, which saves the savepoints that one has
    /// to return to for that.
    Unsought,
}

/// Says what went wrong with part of a batch.
struct Setback {
    error: sqlx::Error,
    /// Where in the range the culprit is, as far as is known.
    culprit: Range<usize>,
}

/// Brings the rows of a batch to the database, inside of a transaction that is open.
///
/// The whole range is tried first. When it is refused, the rows before the culprit are loaded and the step grows
/// again from there, doubling with each success and shrinking to the half with each refusal, down to the row itself:
/// a few bad rows cost a few statements each, and a batch of nothing but bad rows one statement a row.
pub(crate) async fn load(
    lease: &mut Lease,
    target: &Target,
    batch: &RowBatch,
    refusals: Refusals,
) -> Result<Loaded, Error> {
    target.fits(batch).map_err(|message| schema::wrong(lease.name(), message))?;
    if lease.session().way() != Way::Prepared {
        let message = "a bulk load needs prepared statements, which a pooler in transaction mode does not keep: connect past it";
        return Err(schema::wrong(lease.name(), message.into()));
    }
    lease.allow(CallContext::current_deadline()).await?;
    if let Refusals::Unsought = refusals {
        let attempt = attempt(lease, target, batch, 0..batch.len()).await?;
        let changed = attempt.map_err(|Setback { error, .. }| classify::error(lease.name(), error))?;
        return Ok(Loaded { rows: batch.len() as u64, changed, ..Loaded::default() });
    }
    let mut loaded = Loaded::default();
    let mut at = 0;
    let mut step = batch.len();
    while at < batch.len() {
        let end = at.saturating_add(step).min(batch.len());
        savepoint(lease, "SAVEPOINT seawall_bulk").await?;
        match attempt(lease, target, batch, at..end).await? {
            Ok(changed) => {
                savepoint(lease, "RELEASE SAVEPOINT seawall_bulk").await?;
                loaded.rows += (end - at) as u64;
                loaded.changed += changed;
                at = end;
                step = step.saturating_mul(2);
            }
            Err(Setback { error, culprit }) => {
                // Also the proof that the transaction still stands: it fails if the refusal has undone all of it.
                savepoint(lease, "ROLLBACK TO SAVEPOINT seawall_bulk").await?;
                savepoint(lease, "RELEASE SAVEPOINT seawall_bulk").await?;
                if end - at == 1 {
                    match refusals {
                        Refusals::LeftOut => {
                            loaded.rejected.push(RejectedRow { row: at, reason: classify::words(&error) });
                        }
                        Refusals::Fail { first } => {
                            return Err(refused(lease.name(), first + at as u64, error));
                        }
                        Refusals::Unsought => return Err(classify::error(lease.name(), error)),
                    }
                    at = end;
                } else if culprit.start > at && culprit.start < end {
                    step = culprit.start - at;
                } else {
                    // Less than what was tried, as that was two rows at least.
                    step = (culprit.end.clamp(at + 1, end) - at).div_ceil(2);
                }
            }
        }
    }
    Ok(loaded)
}

async fn savepoint(lease: &mut Lease, sql: &'static str) -> Result<(), Error> {
    lease.run(|connection| connection.run(Arc::from(sql))).await
}

/// Loads a range or nothing of it, and says how many rows of the table were changed.
async fn attempt(
    lease: &mut Lease,
    target: &Target,
    batch: &RowBatch,
    range: Range<usize>,
) -> Result<Result<u64, Setback>, Error> {
    // Which part is being loaded; read when it fails.
    let mut part = range.clone();
    let loading = lease.attempt(|connection| {
        let part = &mut part;
        async move {
            match connection {
                #[cfg(feature = "sqlite")]
                Connection::Sqlite(connection) => sqlite::load(connection, target, batch, range, part).await,
                #[cfg(feature = "postgres")]
                Connection::Postgres(connection) => {
                    postgres::load(connection, target, batch, range, part).await
                }
                #[cfg(feature = "mysql")]
                Connection::MySql(connection) => mysql::load(connection, target, batch, range, part).await,
            }
        }
    });
    match loading.await {
        Ok(changed) => Ok(Ok(changed)),
        Err(Fault::Deadline) => Err(deadline_passed(lease.name())),
        Err(Fault::Driver(error)) if classify::judge(&error).about_data => {
            Ok(Err(Setback { error, culprit: part }))
        }
        Err(Fault::Driver(error)) => Err(classify::error(lease.name(), error)),
    }
}
