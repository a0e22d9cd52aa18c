//! Carries records from files, HTTP and standard input into a table, each exactly once.
//!
//! ```text
//! source ── pump ──▶ parser ──▶ loader ──▶ table + ledger, in one transaction
//!          (async)   (thread)   (async)
//! ```
//!
//! [`AsyncIoSystem::ingest`](crate::AsyncIoSystem::ingest) carries out an [`IngestPlan`]. The stages are joined by
//! bounded channels, so memory stays flat whatever the size of a source.
//!
//! **Exactly once.** Each batch commits together with an entry in the table `seawall_ledger`: which bytes of which
//! source it holds, how many rows, and a checksum. A run begins by asking the ledger, checks that the bytes before
//! the committed position are still the same, and goes on behind them. A source that has changed is begun anew, and
//! the report says so.

mod conduct;
pub mod format;
mod job;
mod ledger;
mod load;
mod open;
mod pace;
mod parse;
mod plan;
mod progress;
mod pump;
mod recorded;
mod rejects;
mod report;
mod run;
mod source;
mod spares;
mod transfer;
mod verify;

pub use plan::{IngestPlan, OnChange};
pub use progress::{Progress, ProgressSnapshot};
pub use report::{IngestReport, SourceReport, SourceStatus};
