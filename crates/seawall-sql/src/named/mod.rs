//! Named parameters: `:name` in the text becomes the database's own placeholder, once for each text.

mod cache;
mod lexer;
#[cfg(test)]
mod properties;

use std::sync::Arc;

pub(crate) use cache::CompiledCache;
pub(crate) use lexer::compile;

/// What [`Compiled::transaction_control`] says of a return to a savepoint, which stays inside of the transaction.
pub(crate) const ROLLBACK_TO: &str = "rollback to";

/// Which database's rules of writing a text follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    /// Also that of MariaDB.
    MySql,
}

/// A text whose parameters are placeholders.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Compiled {
    /// What the database is sent.
    pub(crate) sql: Arc<str>,
    /// The name behind each placeholder, from the first on; more than once where placeholders have no numbers.
    pub(crate) parameters: Vec<String>,
    /// Whether the text certainly only reads: every word that could write is absent.
    pub(crate) reads: bool,
    /// The first word found that begins, ends or nests a transaction, in lower case.
    pub(crate) transaction_control: Option<&'static str>,
    /// The word that makes a server commit the transaction it is in, in lower case.
    pub(crate) commits: Option<&'static str>,
}
