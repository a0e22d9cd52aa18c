use std::time::Instant;

use crate::named::Dialect;

/// What a transaction sees of others that are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// What was committed before each statement.
    ReadCommitted,
    /// What was committed before its first statement.
    RepeatableRead,
    /// As if all transactions were made one after the other; the database refuses those that cannot be.
    Serializable,
}

/// How a transaction is begun: what [`Action::Begin`](crate::Action::Begin) carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionMode {
    /// What it sees of others; the database's own default if nobody says. SQLite's transactions are serializable
    /// whatever is said.
    pub isolation: Option<Isolation>,
    /// Whether it only reads: the database refuses writes then. On SQLite it takes a connection that reads, so that it
    /// keeps no writer waiting.
    pub read_only: bool,
    /// Until when its caller waits.
    pub(crate) until: Option<Instant>,
}

/// The statements around a transaction.
pub(super) struct Frame {
    pub(super) begin: String,
    pub(super) commit: &'static str,
    pub(super) rollback: &'static str,
}

impl Frame {
    /// `borrowed_writer` says that the connection can write, though the transaction does not.
    pub(super) fn of(dialect: Dialect, mode: TransactionMode, borrowed_writer: bool) -> Self {
        let plain = |begin: String| Self { begin, commit: "COMMIT", rollback: "ROLLBACK" };
        let level = mode.isolation.map(Isolation::sql);
        match dialect {
            // A database in memory has one connection for everything.
            Dialect::Sqlite if mode.read_only && borrowed_writer => Self {
                begin: "PRAGMA query_only = ON; BEGIN".into(),
                commit: "COMMIT; PRAGMA query_only = OFF",
                rollback: "ROLLBACK; PRAGMA query_only = OFF",
            },
            Dialect::Sqlite if mode.read_only => plain("BEGIN".into()),
            // At once, because a transaction that reads first and writes later is refused when somebody else wrote
            // meanwhile, however long it is willing to wait.
            Dialect::Sqlite => plain("BEGIN IMMEDIATE".into()),
            Dialect::Postgres => {
                let mut begin = String::from("BEGIN");
                if let Some(level) = level {
                    begin += " ISOLATION LEVEL ";
                    begin += level;
                }
                if mode.read_only {
                    begin += " READ ONLY";
                }
                plain(begin)
            }
            Dialect::MySql => {
                // Of the next transaction alone, and in the same message.
                let mut begin = level
                    .map_or_else(String::new, |level| format!("SET TRANSACTION ISOLATION LEVEL {level}; "));
                begin += if mode.read_only { "START TRANSACTION READ ONLY" } else { "START TRANSACTION" };
                plain(begin)
            }
        }
    }
}

impl Isolation {
    const fn sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}
