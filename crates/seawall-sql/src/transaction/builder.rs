use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CallContext, Error, Idempotency};

use super::{Isolation, Transaction, TransactionMode};
use crate::query::strange;
use crate::replicas::Route;
use crate::statement::Asked;
use crate::{Action, Reply, Sql, Statement};

/// How a transaction is made, and how often again: made by [`Sql::build_transaction`].
///
/// | what | default | |
/// |---|---|---|
/// | [`isolation`](Self::isolation) | the database's | what it sees of others |
/// | [`read_only`](Self::read_only) | no | whether it only reads |
/// | [`retries`](Self::retries) | 3 | how often [`run`](Self::run) runs it again at most |
/// | [`timeout`](Self::timeout) | `pipeline.deadline`, 30 s | how long [`run`](Self::run) may take |
/// | [`idempotency_key`](Self::idempotency_key) | none | what tells whether a commit without an answer happened |
#[derive(Debug)]
#[must_use = "a transaction is made by `run` or `begin`"]
pub struct TransactionBuilder<'a> {
    pub(super) sql: &'a Sql,
    pub(super) retries: u32,
    pub(super) timeout: Option<Duration>,
    pub(super) idempotency_key: Option<String>,
    mode: TransactionMode,
    asked_at: &'static Location<'static>,
}

impl<'a> TransactionBuilder<'a> {
    #[track_caller]
    pub(crate) fn new(sql: &'a Sql) -> Self {
        let (mode, asked_at) = (TransactionMode::default(), Location::caller());
        Self { sql, retries: 3, timeout: None, idempotency_key: None, mode, asked_at }
    }

    /// Says what it sees of others that are under way.
    pub fn isolation(mut self, level: Isolation) -> Self {
        self.mode.isolation = Some(level);
        self
    }

    /// [`Isolation::ReadCommitted`].
    pub fn read_committed(self) -> Self {
        self.isolation(Isolation::ReadCommitted)
    }

    /// [`Isolation::RepeatableRead`].
    pub fn repeatable_read(self) -> Self {
        self.isolation(Isolation::RepeatableRead)
    }

    /// [`Isolation::Serializable`].
    pub fn serializable(self) -> Self {
        self.isolation(Isolation::Serializable)
    }

    /// It only reads. On SQLite it keeps no writer waiting then.
    pub fn read_only(mut self) -> Self {
        self.mode.read_only = true;
        self
    }

    /// How often [`run`](Self::run) runs the work again at most, after the first time. Default 3.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How long [`run`](Self::run) may take: waiting for a connection, all runs, the waits between them and the
    /// commit. The deadline of the caller's [`CallContext`](seawall_core::CallContext) holds too.
    ///
    /// Without it the deadline of the client's pipeline holds, 30 s unless configured, as for every other call; a call
    /// that is [unhurried](seawall_core::CallContext::unhurried) has none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// A name for what [`run`](Self::run) does, of at most 255 bytes, that no other transaction ever has: the id of
    /// the request that asks for it. It is committed together with it, in the table
    /// [`IDEMPOTENCY_TABLE`](crate::IDEMPOTENCY_TABLE), which is created when it is first needed; so a commit whose
    /// answer was lost can be looked up.
    ///
    /// Where a transaction of that name was committed before, the work is not run, and the error is
    /// [`ALREADY_COMMITTED`](crate::ALREADY_COMMITTED).
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Begins the transaction, and leaves it to the caller to end it. Nothing is run again, and neither
    /// [`timeout`](Self::timeout) nor [`idempotency_key`](Self::idempotency_key) play a part.
    ///
    /// # Errors
    /// As any call; nothing was executed. Cancel safe: a begun transaction that nobody receives is undone.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let mode = TransactionMode { until: CallContext::current_deadline(), ..self.mode };
        let asked = Asked {
            text: Arc::from(""),
            known: None,
            parameters: Vec::new(),
            action: Action::Begin(mode),
            route: Route::Writer,
            invalidates: Vec::new(),
            place: self.asked_at,
        };
        let statement = Statement { asked: Arc::new(asked), idempotency: Idempotency::Idempotent };
        match self.sql.call(statement).await? {
            Reply::Transaction(transaction) => Ok(*transaction),
            other => Err(strange(&other)),
        }
    }
}
