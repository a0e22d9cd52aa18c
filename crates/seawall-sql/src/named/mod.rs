//! Named parameters: `:name` in the text becomes the database's own placeholder, once for each text.

#[cfg(test)]
mod against_postgres;
mod cache;
mod lexer;
#[cfg(test)]
mod properties;
mod words;

use std::ops::Range;
use std::sync::Arc;

pub(crate) use cache::CompiledCache;
#[cfg(test)]
use lexer::compile;
use lexer::compile_lists;

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

impl Dialect {
    /// How many placeholders a statement may have: 16 bits count them, but in SQLite's.
    pub(crate) fn max_parameters(self) -> usize {
        match self {
            Self::Sqlite => 32_766,
            Self::Postgres | Self::MySql => 65_535,
        }
    }
}

/// A text whose parameters are placeholders.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Compiled {
    /// By whose rules it was read.
    pub(crate) dialect: Dialect,
    /// What was written.
    pub(crate) text: Arc<str>,
    /// What the database is sent.
    pub(crate) sql: Arc<str>,
    /// The name behind each placeholder, from the first on; more than once where placeholders have no numbers.
    pub(crate) parameters: Vec<Arc<str>>,
    /// Which of the placeholders are those of one list, that stands in `in (:name)`.
    pub(crate) lists: Vec<Range<usize>>,
    /// What was written, without the values that were written into it.
    pub(crate) normalised: Arc<str>,
    /// What it does, in one word, in lower case, if it is one statement that says so.
    pub(crate) operation: Option<&'static str>,
    /// Whether the text certainly only reads: every word that could write is absent.
    pub(crate) reads: bool,
    /// The first word found that begins, ends or nests a transaction, in lower case.
    pub(crate) transaction_control: Option<&'static str>,
    /// The word that makes a server commit the transaction it is in, in lower case.
    pub(crate) commits: Option<&'static str>,
    /// Whether a part of it may have been done for good when it fails: it is several statements, or calls for what may
    /// commit by itself.
    pub(crate) in_parts: bool,
}

#[cfg(test)]
impl Compiled {
    fn names(&self) -> Vec<String> {
        self.parameters.iter().map(|name| String::from(&**name)).collect()
    }
}
