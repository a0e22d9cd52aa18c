//! Transactions: [begun and ended by hand](Transaction), or [run](TransactionBuilder::run) around a closure and run
//! again when the database undid them.

mod begin;
mod builder;
mod commit;
mod idempotency;
mod open;
mod repeats;
mod run;
mod savepoint;
mod undone;

pub use begin::{Isolation, TransactionMode};
pub use builder::TransactionBuilder;
pub use commit::COMMIT_UNKNOWN;
pub use idempotency::{ALREADY_COMMITTED, IDEMPOTENCY_TABLE};
pub use open::Transaction;
