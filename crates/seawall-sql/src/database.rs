//! The innermost service: statements to the pools, answers back.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use seawall_core::{CallContext, Classify, Error, FailureKind, Idempotency, Observer};

use crate::bulk::Tables;
use crate::endpoint::{Endpoint, Options};
use crate::named::{Compiled, CompiledCache, Dialect};
use crate::pool::{Lease, Opener, Pool};
use crate::query_cache::QueryCache;
use crate::replicas::{Replicas, Route};
use crate::telemetry::Peer;
use crate::{Action, Connection, Reply, RowStream, SqlClassifier, SqlConfig, Statement, Transaction, Value};

/// A database with its pools; a tower service of [`Statement`]s.
#[derive(Clone)]
pub(crate) struct Database(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) name: String,
    /// Which database it is, as `OpenTelemetry` names it.
    pub(crate) system: &'static str,
    pub(crate) texts: CompiledCache,
    pub(crate) writer: Pool,
    pub(crate) readers: Option<Pool>,
    pub(crate) replicas: Replicas,
    pub(crate) query_cache: QueryCache,
    /// What bulk loads know of their tables.
    pub(crate) tables: Tables,
    /// Who is told of calls.
    pub(crate) peer: Arc<Peer>,
    /// Whether the table of idempotency keys was seen.
    pub(crate) has_idempotency_table: AtomicBool,
    /// Keeps a database in memory alive while its only working connection is replaced.
    _keeper: Mutex<Option<Connection>>,
}

impl Database {
    /// Opens the first connection, so that what cannot work is said at once.
    pub(crate) async fn connect(
        endpoint: Endpoint,
        config: &SqlConfig,
        observer: &Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let dialect = endpoint.dialect();
        let Endpoint { name, options } = endpoint;
        let size = config.pool.size.get();
        let pool = |read_only, size| {
            let deadline = config.pipeline.deadline;
            let opener = Opener { options: options.clone(), read_only, deadline };
            Pool::new(&name, opener, size, &config.pool, Arc::clone(observer)).map_err(|invalid| {
                Error::new(FailureKind::Permanent, "sql", name.clone())
                    .with_message(invalid.within("pool").to_string())
                    .not_executed()
            })
        };
        let (writers, readers, keeper): (_, _, Option<Connection>) = match &options {
            #[cfg(feature = "sqlite")]
            Options::Sqlite { reader: Some(_), .. } => (1, Some(pool(true, size)?), None),
            #[cfg(feature = "sqlite")]
            Options::Sqlite { writer, reader: None } => {
                let (keeper, _) = crate::driver::sqlite::open(writer)
                    .await
                    .map_err(|error| crate::classify::connect_error(&name, error))?;
                (1, None, Some(Connection::Sqlite(keeper)))
            }
            #[cfg(feature = "postgres")]
            Options::Postgres(_) => (size, None, None),
            #[cfg(feature = "mysql")]
            Options::MySql(_) => (size, None, None),
        };
        let writer = pool(false, writers)?;
        let system = writer.acquire(Location::caller()).await?.session().system();
        let replicas = Replicas::connect(dialect, config, observer).await?;
        let peer = Peer::new(&name, system, &options, &config.slow_queries, Arc::clone(observer));
        let inner = Inner {
            name,
            system,
            texts: CompiledCache::new(dialect),
            writer,
            readers,
            replicas,
            query_cache: QueryCache::new(&config.query_cache),
            tables: Tables::default(),
            peer: Arc::new(peer),
            has_idempotency_table: AtomicBool::new(false),
            _keeper: Mutex::new(keeper),
        };
        Ok(Self(Arc::new(inner)))
    }

    async fn answer(&self, statement: Statement) -> Result<Reply, Error> {
        let inner = &self.0;
        let asked = &*statement.asked;
        if let Action::Begin(mode) = asked.action {
            let pool = inner.readers.as_ref().filter(|_| mode.read_only).unwrap_or(&inner.writer);
            // In boxes, as all that few calls need: every call would have room for it otherwise, and be moved with it.
            let begin =
                async { Transaction::begin(pool.acquire(asked.place).await?, self.clone(), mode).await };
            return Ok(Reply::Transaction(Box::new(Box::pin(begin).await?)));
        }
        let compiled = inner.compile(&statement)?;
        if let Some(word) = compiled.transaction_control {
            return Err(inner.wrong(format!(
                "`{word}` would leave a connection of the pool inside of a transaction: use `begin()`"
            )));
        }
        let pool = inner.pool(&compiled, asked.action);
        let mut may_follow =
            asked.route != Route::Writer && compiled.reads && asked.action != Action::Execute;
        loop {
            let followed = if may_follow { Box::pin(inner.replicas.lease(&statement)).await? } else { None };
            let (lease, at_replica) = match followed {
                Some((lease, at_replica)) => (lease, Some(at_replica)),
                None => (pool.acquire(asked.place).await?, None),
            };
            let answer = execute(lease, &compiled, &statement).await;
            let Some(at_replica) = at_replica else { return answer };
            match &answer {
                Err(error) if error.kind() == FailureKind::Transient => at_replica.failed(),
                Err(_) => return answer,
                Ok(_) => {
                    at_replica.answered();
                    return answer;
                }
            }
            may_follow = false;
        }
    }
}

/// Runs a statement of its own.
async fn execute(mut lease: Lease, compiled: &Arc<Compiled>, statement: &Statement) -> Result<Reply, Error> {
    if statement.asked.action == Action::Stream {
        let stream = Box::pin(RowStream::open(lease, Arc::clone(compiled), statement.clone()));
        return stream.await.map(Reply::Stream).map_err(|error| of_parts(compiled.in_parts, error));
    }
    // The stack in front keeps the deadline: its layers have timers, and drop what is late.
    lease.leave_deadline_to_its_holder();
    run(&mut lease, compiled, statement).await
}

/// Runs a statement that is answered as a whole.
pub(crate) async fn run(
    lease: &mut Lease,
    compiled: &Compiled,
    statement: &Statement,
) -> Result<Reply, Error> {
    let (values, way) = (values(compiled, statement), lease.session().way());
    lease.allow(CallContext::current_deadline()).await?;
    let action = to_its_end(compiled, statement.asked.action);
    let answer =
        lease.run_knowing(|connection, known| connection.answer(&compiled.sql, &values, action, way, known));
    answer.await.map_err(|error| of_parts(compiled.in_parts, error))
}

/// What is asked of the connection. Who has read the first row of what was written does not know yet whether it is committed:
/// a constraint may be deferred until then.
pub(crate) fn to_its_end(compiled: &Compiled, action: Action) -> Action {
    if action == Action::FetchFirst && !compiled.reads { Action::FetchAll } else { action }
}

/// The error of a statement. Whatever it says, of one in parts some may have been done.
pub(crate) fn of_parts(in_parts: bool, mut error: Error) -> Error {
    if in_parts {
        Classify::<Reply, Error>::note_may_have_executed(&SqlClassifier, &mut error);
    }
    error
}

/// The values in the order of their placeholders. [`Inner::compile`] made sure that there are as many.
pub(crate) fn values<'s>(compiled: &Compiled, statement: &'s Statement) -> Vec<&'s Value> {
    let mut values: Vec<&Value> =
        compiled.parameters.iter().filter_map(|name| statement.value(name)).collect();
    for places in &compiled.lists {
        let Some(Value::List(list)) = values.get(places.start) else { continue };
        // What is left over of the places repeats the last value, which changes nothing for an `in`.
        for (value, element) in
            values[places.clone()].iter_mut().zip(list.iter().chain(list.last().into_iter().cycle()))
        {
            *value = element;
        }
    }
    values
}

/// How many values most statements have at the most.
const FEW: usize = 6;

static NULL: Value = Value::Null;

/// The values of a statement without lists, which need no memory of their own if they are few.
pub(crate) enum FewValues<'s> {
    Few([&'s Value; FEW], usize),
    Many(Vec<&'s Value>),
}

impl<'s> FewValues<'s> {
    pub(crate) fn as_slice(&self) -> &[&'s Value] {
        match self {
            Self::Few(values, count) => &values[..*count],
            Self::Many(values) => values,
        }
    }
}

/// The same as [`values`] of a statement without lists.
pub(crate) fn few_values<'s>(compiled: &Compiled, statement: &'s Statement) -> FewValues<'s> {
    let count = compiled.parameters.len();
    if count > FEW {
        return FewValues::Many(values(compiled, statement));
    }
    let mut few = [&NULL; FEW];
    for (place, name) in few.iter_mut().zip(&compiled.parameters) {
        *place = statement.value(name).unwrap_or(&NULL);
    }
    FewValues::Few(few, count)
}

/// The names that lists are bound to, with how many placeholders each gets: powers of two, so that a thousand lengths
/// make ten texts to prepare.
fn lists(statement: &Statement, dialect: Dialect) -> Vec<(&str, usize)> {
    let lists = statement.asked.parameters.iter().rev().filter_map(|(name, value)| match value {
        Value::List(list) if list.is_empty() => Some((&**name, 0)),
        Value::List(list) => {
            let padded = list.len().next_power_of_two();
            Some((&**name, if padded > dialect.max_parameters() { list.len() } else { padded }))
        }
        _ => None,
    });
    lists.collect()
}

impl Inner {
    /// Which of the pools a statement goes to.
    pub(crate) fn pool(&self, compiled: &Compiled, action: Action) -> &Pool {
        match &self.readers {
            Some(readers) if compiled.reads && action != Action::Execute => readers,
            _ => &self.writer,
        }
    }

    /// The compiled text, if every parameter has its value and every value its parameter.
    pub(crate) fn compile(&self, statement: &Statement) -> Result<Arc<Compiled>, Error> {
        let lists = lists(statement, self.texts.dialect());
        let compiled = match lists.as_slice() {
            [] => statement.compiled(&self.texts),
            lists => self.texts.of_lists(&statement.asked.text, lists),
        };
        let compiled = compiled.map_err(|message| self.wrong(message))?;
        self.check(&compiled, statement)?;
        Ok(compiled)
    }

    /// The text of a statement without lists that was compiled before, if every parameter has its value and every value
    /// its parameter, and it may be executed by itself.
    #[inline]
    pub(crate) fn compiled_before<'s>(&self, statement: &'s Statement) -> Option<&'s Compiled> {
        let asked = &*statement.asked;
        let compiled = asked.known.as_deref()?;
        let is_plain = compiled.dialect == self.texts.dialect()
            && compiled.transaction_control.is_none()
            && !compiled.in_parts
            && !asked.parameters.iter().any(|(_, value)| matches!(value, Value::List(_)));
        (is_plain && self.check(compiled, statement).is_ok()).then_some(compiled)
    }

    fn check(&self, compiled: &Compiled, statement: &Statement) -> Result<(), Error> {
        let (parameters, most) = (compiled.parameters.len(), self.texts.dialect().max_parameters());
        if parameters > most {
            return Err(self.wrong(format!(
                "the statement has {parameters} parameters, the values of its lists included, and the database takes \
                 {most}"
            )));
        }
        for name in &compiled.parameters {
            if statement.value(name).is_none() {
                return Err(self.wrong(format!("the parameter `:{name}` has no value: bind one")));
            }
        }
        for (name, _) in &statement.asked.parameters {
            if !compiled.parameters.contains(name) {
                let known = match &*compiled.parameters {
                    [] => String::from("has no parameters"),
                    known => {
                        let mut known: Vec<&str> = known.iter().map(|name| &**name).collect();
                        known.sort_unstable();
                        known.dedup();
                        format!("has `:{}`", known.join("`, `:"))
                    }
                };
                return Err(self.wrong(format!("a value is bound to `:{name}`, but the statement {known}")));
            }
        }
        Ok(())
    }

    pub(crate) fn wrong(&self, message: String) -> Error {
        Error::new(FailureKind::Permanent, "sql", self.name.clone()).with_message(message).not_executed()
    }

    /// What the text says about repeating the statement, where nobody said anything.
    pub(crate) fn settle(&self, statement: &mut Statement) {
        if statement.idempotency() != Idempotency::Unspecified {
            return;
        }
        let reads = match statement.asked.action {
            Action::Begin(_) => true,
            Action::Execute => false,
            _ => statement.compiled(&self.texts).is_ok_and(|compiled| compiled.reads),
        };
        statement.idempotency = if reads { Idempotency::Idempotent } else { Idempotency::NotIdempotent };
    }
}

impl tower::Service<Statement> for Database {
    type Response = Reply;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

    /// Always ready: the pool is waited for inside of the call, where the deadline is known.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, statement: Statement) -> Self::Future {
        let database = self.clone();
        Box::pin(async move { database.answer(statement).await })
    }
}
