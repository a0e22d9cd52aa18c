use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use seawall_core::{CallContext, Idempotency};
use seawall_tower::Replay;

use seawall_cache::Tags;

use crate::replicas::Route;
use crate::{Row, RowStream, SqlClassifier, Transaction, TransactionMode, Value};

/// What a client asks of its database: the request of the tower service behind [`Sql`](crate::Sql).
///
/// Cheap to clone, so that it can be made again.
#[derive(Clone)]
pub struct Statement {
    pub(crate) text: Arc<str>,
    pub(crate) parameters: Arc<Vec<(String, Value)>>,
    pub(crate) action: Action,
    pub(crate) idempotency: Idempotency,
    /// Which servers it may be sent to.
    pub(crate) route: Route,
    /// What its writes end in the cache of queries.
    pub(crate) invalidates: Vec<Tags>,
    /// Where it was asked for.
    pub(crate) place: &'static Location<'static>,
}

/// What is to come back from a [`Statement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// How many rows it changed: [`Reply::Changed`].
    Execute,
    /// Its first row, if there is one: [`Reply::Rows`].
    FetchFirst,
    /// All its rows: [`Reply::Rows`].
    FetchAll,
    /// Its rows as they come: [`Reply::Stream`].
    Stream,
    /// A transaction, begun: [`Reply::Transaction`]. There is no text.
    Begin(TransactionMode),
}

/// What a database answers: the response of the tower service behind [`Sql`](crate::Sql).
#[derive(Debug)]
#[non_exhaustive]
pub enum Reply {
    /// How many rows a statement changed.
    Changed(u64),
    /// The rows it returned.
    Rows(Vec<Row>),
    /// The rows it is returning.
    Stream(RowStream),
    /// The transaction it began.
    Transaction(Box<Transaction>),
}

impl Statement {
    /// The text, as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values, by name.
    pub fn parameters(&self) -> &[(String, Value)] {
        &self.parameters
    }

    /// What is to come back.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Whether it may be made again after it may have been executed.
    ///
    /// What the caller said ([`Query::idempotent`](crate::Query::idempotent) first, then the
    /// [`CallContext`]) comes before this rule: a fetch or stream of a text that begins with `SELECT`, `VALUES`,
    /// `TABLE`, `SHOW`, `EXPLAIN` or `WITH` and holds no word that writes or locks is idempotent; so is the begin
    /// of a transaction; nothing else is. A `SELECT` that calls a function which writes must therefore say
    /// [`not_idempotent`](crate::Query::not_idempotent).
    pub fn idempotency(&self) -> Idempotency {
        match self.idempotency {
            Idempotency::Unspecified => CallContext::current().idempotency_class(),
            said => said,
        }
    }

    /// The value of a parameter.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.parameters.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Shows the text and the names of the parameters; never their values.
impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("text", &self.text)
            .field("parameters", &self.parameters.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("action", &self.action)
            .field("idempotency", &self.idempotency)
            .field("route", &self.route)
            .field("invalidates", &self.invalidates)
            .field("place", &self.place)
            .finish()
    }
}

impl Replay<Statement> for SqlClassifier {
    fn replay(&self, statement: &Statement) -> Option<Statement> {
        Some(statement.clone())
    }

    fn idempotency(&self, statement: &Statement) -> Idempotency {
        statement.idempotency()
    }
}
