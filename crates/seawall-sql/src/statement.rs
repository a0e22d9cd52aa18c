use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use seawall_core::{CallContext, Idempotency};
use seawall_tower::Replay;

use seawall_cache::Tags;

use crate::named::{Compiled, CompiledCache};
use crate::replicas::Route;
use crate::{Row, RowStream, SqlClassifier, Transaction, TransactionMode, Value};

/// What a client asks of its database: the request of the tower service behind [`Sql`](crate::Sql).
///
/// Cheap to clone, so that it can be made again.
#[derive(Clone)]
pub struct Statement {
    pub(crate) asked: Arc<Asked>,
    pub(crate) idempotency: Idempotency,
}

/// What is the same for everybody whom a [`Statement`] passes.
pub(crate) struct Asked {
    pub(crate) text: Arc<str>,
    /// The text as it was compiled before, if it was.
    pub(crate) known: Option<Arc<Compiled>>,
    pub(crate) parameters: Vec<(Arc<str>, Value)>,
    pub(crate) action: Action,
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
        &self.asked.text
    }

    /// The values, by name.
    pub fn parameters(&self) -> &[(Arc<str>, Value)] {
        &self.asked.parameters
    }

    /// What is to come back.
    pub fn action(&self) -> Action {
        self.asked.action
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
        let is_it = |known: &str| std::ptr::eq(known, name) || known == name;
        self.asked.parameters.iter().rev().find(|(known, _)| is_it(known)).map(|(_, value)| value)
    }

    /// Its text compiled by the rules of a database, apart from its lists.
    pub(crate) fn compiled(&self, texts: &CompiledCache) -> Result<Arc<Compiled>, String> {
        match &self.asked.known {
            Some(known) if known.dialect == texts.dialect() => Ok(Arc::clone(known)),
            _ => texts.of(&self.asked.text),
        }
    }
}

/// Shows the text and the names of the parameters; never their values.
impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("text", &self.asked.text)
            .field("parameters", &self.asked.parameters.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("action", &self.asked.action)
            .field("idempotency", &self.idempotency)
            .field("route", &self.asked.route)
            .field("invalidates", &self.asked.invalidates)
            .field("place", &self.asked.place)
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
