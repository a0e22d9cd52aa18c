use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind, Observer, SharedRetryBudget};
use seawall_tower::{Identity, Pipeline, Spares};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service};

use crate::TableSchema;
use crate::database::Database;
use crate::endpoint::Endpoint;
use crate::fast_path::FastPath;
use crate::named::{CompiledCache, Dialect};
use crate::query_cache::Invalidation;
use crate::schema::Declared;
use crate::{
    Connection, Execute, Query, ReplicaStats, Reply, SlowQuery, SqlClassifier, SqlConfig, SqlStats,
    Statement, Transaction, TransactionBuilder, WriteToken, schema,
};

type Boxed = BoxCloneSyncService<Statement, Reply, Error>;

/// A client of one database: a name for one erased tower service from [`Statement`] to [`Reply`].
///
/// Cheap to clone; all clones share the pool and the stack. The stack is the [`Pipeline`] of the configuration
/// (deadline, retry with its budget, circuit breaker) in front of a pool of its own. Put more in front with
/// [`layer`](Self::layer), or stand on a stack of your own with [`from_service`](Self::from_service).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
/// use std::sync::Arc;
/// use seawall_sql::{Sql, SqlConfig};
///
/// let sql = Sql::connect("sqlite::memory:", &SqlConfig::default(), Arc::new(())).await?;
/// sql.execute("create table users (id integer primary key, name text)").await?;
/// sql.execute("insert into users values (:id, :name)").bind("id", 1).bind("name", "Ann").await?;
/// let user: Option<(i64, String)> =
///     sql.query("select id, name from users where id = :id").bind("id", 1).fetch_optional().await?;
/// assert_eq!(user, Some((1, String::from("Ann"))));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Sql {
    service: Arc<Spares<Boxed>>,
    /// The way past the layers of the service, where none but the client's own stand there.
    fast_path: Option<Arc<FastPath>>,
    /// What is behind the service, unless it is somebody else's.
    database: Option<Database>,
    pipeline: Option<Pipeline<SqlClassifier>>,
    identity: Identity,
}

impl Sql {
    /// Opens a database: `sqlite:///path/to/file.db` (created if it is not there, unless the URL says `?mode=rw` or
    /// `?mode=ro`), `sqlite::memory:`, `postgres://user:password@host:port/database` or
    /// `mysql://user:password@host:port/database`, where `mariadb://` says the same.
    ///
    /// A database in memory belongs to this client and its clones and has one connection for everything: whoever
    /// holds a transaction or a stream makes all others wait.
    ///
    /// One connection is opened at once, so that what cannot work is said here.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] for a URL that cannot be read, a configuration that makes no sense, a file that
    /// cannot be opened or a login that is refused; the kind of the failure if the server cannot be reached.
    /// The password of the URL is in none of them.
    pub async fn connect(url: &str, config: &SqlConfig, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(url, config)?;
        let identity = Identity::new(endpoint.name.as_str()).pipeline("sql").observer(Arc::clone(&observer));
        let pipeline = Pipeline::new("sql", &config.pipeline, SqlClassifier, Arc::clone(&observer)).map_err(
            |invalid| {
                Error::new(FailureKind::Permanent, "sql", endpoint.name.clone())
                    .with_message(invalid.to_string())
                    .not_executed()
            },
        )?;
        let layer = pipeline.layer(&endpoint.name);
        let database = Database::connect(endpoint, config, &observer).await?;
        let guarded = layer.layer(database.clone());
        let fast_path = Some(Arc::new(FastPath::new(&pipeline, guarded.clone())));
        let service = Arc::new(Spares::new(BoxCloneSyncService::new(guarded)));
        Ok(Self { service, fast_path, database: Some(database), pipeline: Some(pipeline), identity })
    }

    /// A client over any service, for a stack or a double of your own.
    ///
    /// It has no pool: [`stats`](Self::stats) and [`with_connection`](Self::with_connection) have nothing to say.
    pub fn from_service<S>(service: S) -> Self
    where
        S: Service<Statement, Response = Reply, Error = Error> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        let identity = Identity::new("service").pipeline("sql");
        let service = Arc::new(Spares::none(BoxCloneSyncService::new(service)));
        Self { service, fast_path: None, database: None, pipeline: None, identity }
    }

    /// The same client with a layer in front of everything it has.
    pub fn layer<L>(&self, layer: L) -> Self
    where
        L: Layer<BoxCloneSyncService<Statement, Reply, Error>>,
        L::Service: Service<Statement, Response = Reply, Error = Error> + Clone + Send + Sync + 'static,
        <L::Service as Service<Statement>>::Future: Send + 'static,
    {
        let service =
            Arc::new(Spares::none(BoxCloneSyncService::new(layer.layer(self.service.original().clone()))));
        Self { service, fast_path: None, ..self.clone() }
    }

    /// A statement with `:name` parameters whose rows are wanted.
    #[track_caller]
    pub fn query<'a>(&'a self, text: &'a str) -> Query<'a> {
        Query::on_client(self, text)
    }

    /// A statement with `:name` parameters that is executed when awaited.
    #[track_caller]
    pub fn execute<'a>(&'a self, text: &'a str) -> Execute<'a> {
        Execute(self.query(text))
    }

    /// Makes any call; what all others go through.
    ///
    /// # Errors
    /// Those of the stack and of the database.
    pub async fn call(&self, statement: Statement) -> Result<Reply, Error> {
        if let (Some(fast), Some(Database(inner))) = (&self.fast_path, &self.database)
            && let Some(compiled) = inner.compiled_before(&statement)
            && let Some(passage) = fast.enter(&statement)
        {
            return fast.call(inner, compiled, &statement, passage).await;
        }
        // In a box, because most calls need none of it, and every future would have room for it.
        Box::pin(self.call_through_layers(statement)).await
    }

    async fn call_through_layers(&self, mut statement: Statement) -> Result<Reply, Error> {
        let Some(Database(inner)) = &self.database else { return self.service.call(statement).await };
        inner.settle(&mut statement);
        let ends = Invalidation::new(&inner.query_cache, &statement.asked.invalidates);
        let call = self.service.call(statement.clone());
        let answer = inner.peer.tell(&statement, &inner.texts, call).await;
        match (ends, &answer) {
            (None, _) => {}
            (Some(ends), Err(error)) if !error.may_have_executed() => ends.forget(),
            (Some(ends), _) => Box::pin(ends.end()).await,
        }
        answer
    }

    /// Begins a transaction that may write: `BEGIN IMMEDIATE` on SQLite, `BEGIN` elsewhere. The caller ends it;
    /// [`transaction`](Self::transaction) does it by itself, and runs it again where that helps.
    ///
    /// It keeps a connection until its end; on SQLite the only one that writes, so that writers queue here and
    /// not in the file's lock.
    ///
    /// # Errors
    /// As any call; nothing was executed. Cancel safe: a begun transaction that nobody receives is undone.
    #[track_caller]
    pub fn begin(&self) -> impl Future<Output = Result<Transaction, Error>> + Send {
        let builder = self.build_transaction();
        async move { builder.begin().await }
    }

    /// Runs the work in a transaction: commits when it returns `Ok`, rolls back when it returns an error, and runs all of
    /// it again after a serialization failure or a deadlock. See [`TransactionBuilder::run`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
    /// # use std::sync::Arc;
    /// # use seawall_core::Error;
    /// # use seawall_sql::{Sql, SqlConfig};
    /// # let sql = Sql::connect("sqlite::memory:", &SqlConfig::default(), Arc::new(())).await?;
    /// # sql.execute("create table counter (n integer)").await?;
    /// # sql.execute("insert into counter values (1)").await?;
    /// let before = sql
    ///     .transaction(async |tx| {
    ///         let (n,): (i64,) = tx.query("select n from counter").fetch_one().await?;
    ///         tx.execute("update counter set n = :n").bind("n", n + 1).await?;
    ///         Ok::<_, Error>(n)
    ///     })
    ///     .await?;
    /// assert_eq!(before, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What the work returned; the client's own where the transaction could not be begun or committed.
    #[track_caller]
    pub fn transaction<T, E, F>(&self, work: F) -> impl Future<Output = Result<T, E>>
    where
        F: AsyncFnOnce(&mut Transaction) -> Result<T, E> + Clone,
        E: From<Error>,
    {
        let builder = self.build_transaction();
        async move { builder.run(work).await }
    }

    /// Says how a transaction is made: its isolation, whether it only reads, how often it is run again, how long it may
    /// take, and what tells whether it was committed.
    #[track_caller]
    pub fn build_transaction(&self) -> TransactionBuilder<'_> {
        TransactionBuilder::new(self)
    }

    /// Creates a table.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] if it exists, or if a name or type cannot be one.
    pub async fn create_table(&self, table: &TableSchema) -> Result<(), Error> {
        let database = self.database()?;
        let mut lease = database.0.writer.acquire(Location::caller()).await?;
        schema::create(&mut lease, table).await
    }

    /// The columns of a table or view, if there is one of that name.
    ///
    /// # Errors
    /// As any call.
    pub async fn table(&self, name: &str) -> Result<Option<TableSchema>, Error> {
        let database = self.database()?;
        let pool = database.0.readers.as_ref().unwrap_or(&database.0.writer);
        schema::read(&mut pool.acquire(Location::caller()).await?, name).await
    }

    /// Quotes the name of a table as text for this database's statements; `schema.table` becomes two names.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] if a name is empty or holds a NUL, or for a client over a service of somebody else's.
    pub fn quote_table(&self, name: &str) -> Result<String, Error> {
        schema::table_name(name, self.dialect()?).map_err(|message| schema::wrong(self.name(), message))
    }

    /// The same with how they were declared.
    pub(crate) async fn declared_table(&self, name: &str) -> Result<Option<(TableSchema, Declared)>, Error> {
        let mut lease = self.database()?.0.writer.acquire(Location::caller()).await?;
        schema::read_declared(&mut lease, name).await
    }

    /// Lends the driver's own connection, for what Seawall does not cover.
    ///
    /// On SQLite it is the one that writes. Nobody can tell in what state it comes back, so it is closed
    /// afterwards: use it seldom. It is cut to the deadline; dropping the future cancels what it does.
    ///
    /// # Errors
    /// As any call.
    #[track_caller]
    pub fn with_connection<T>(
        &self,
        run: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error>,
    ) -> impl Future<Output = Result<T, Error>> {
        let place = Location::caller();
        async move {
            let mut lease = self.database()?.0.writer.acquire(place).await?;
            lease.allow(CallContext::current_deadline()).await?;
            lease.session().broken = true;
            lease.run(|connection| run(connection)).await
        }
    }

    /// Asks the database whether it lives: over the pool, past the stack, so that an open circuit does not hide it.
    ///
    /// # Errors
    /// Why it does not, or why nobody can tell.
    pub async fn ping(&self) -> Result<(), Error> {
        let database = self.database()?;
        let pool = database.0.readers.as_ref().unwrap_or(&database.0.writer);
        pool.acquire(Location::caller()).await?.run(Connection::ping).await
    }

    /// The statements whose calls were slow ([`SlowQueriesConfig`](crate::SlowQueriesConfig)), those that took the most time in
    /// all first: at most `limit`. None for a client over a service of somebody else's.
    pub fn slow_queries(&self, limit: usize) -> Vec<SlowQuery> {
        let Some(Database(inner)) = &self.database else { return Vec::new() };
        inner.peer.slow_queries(limit, &inner.texts)
    }

    /// What tells a [read](crate::Query::read_after) that it must see what was written until now.
    ///
    /// # Errors
    /// As any call.
    #[track_caller]
    pub fn write_token(&self) -> impl Future<Output = Result<WriteToken, Error>> + Send {
        let place = Location::caller();
        async move {
            let inner = &self.database()?.0;
            if inner.texts.dialect() != Dialect::Postgres {
                return Ok(WriteToken::at(crate::clock::calendar()));
            }
            let text = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8";
            let mut lease = inner.writer.acquire(place).await?;
            lease.allow(CallContext::current_deadline()).await?;
            let way = lease.session().way();
            let rows = lease.run(|connection| connection.fetch_once(text, &[], true, way)).await?;
            let position = rows.first().map(|row| row.get::<u64>(0)).transpose()?;
            Ok(WriteToken::in_log(position.unwrap_or(u64::MAX)))
        }
    }

    /// How the replicas stand.
    pub fn replicas(&self) -> Vec<ReplicaStats> {
        self.database.as_ref().map_or_else(Vec::new, |database| database.0.replicas.stats())
    }

    /// Which database it is, as OpenTelemetry's `db.system.name` names it: `sqlite`, `postgresql`, `mysql` or `mariadb`.
    /// Nothing for a client over a service of somebody else's.
    pub fn system(&self) -> Option<&'static str> {
        Some(self.database.as_ref()?.0.system)
    }

    /// How the pools stand; nothing for a client over a service of somebody else's.
    pub fn stats(&self) -> Option<SqlStats> {
        let inner = &self.database.as_ref()?.0;
        Some(SqlStats {
            writer: inner.writer.stats(),
            readers: inner.readers.as_ref().map(crate::pool::Pool::stats),
        })
    }

    /// The pools, to be asked from time to time: the one that writes, and on SQLite the one that reads. None for a client
    /// over a service of somebody else's.
    pub fn pools(&self) -> Vec<crate::PoolMonitor> {
        let inner = self.database.iter().map(|database| &database.0);
        let pools = inner.flat_map(|inner| std::iter::once(&inner.writer).chain(&inner.readers));
        pools.map(crate::PoolMonitor::new).collect()
    }

    /// The stack that [`connect`](Self::connect) built: its circuit breaker and retry budget.
    pub fn pipeline(&self) -> Option<&Pipeline<SqlClassifier>> {
        self.pipeline.as_ref()
    }

    /// Hands out no more connections, waits for those at work and closes them all.
    ///
    /// # Errors
    /// [`FailureKind::Timeout`] if some were still at work after `patience`: they are closed when they come back.
    pub async fn close(&self, patience: Duration) -> Result<(), Error> {
        let Some(database) = &self.database else { return Ok(()) };
        let deadline = tokio::time::Instant::now() + patience;
        let inner = &database.0;
        // The writer last: the last connection of an SQLite file brings the write-ahead log into it.
        let readers = match &inner.readers {
            Some(readers) => readers.close(deadline).await,
            None => true,
        };
        let replicas = inner.replicas.close(deadline).await;
        let writer = inner.writer.close(deadline).await;
        if readers && replicas && writer {
            return Ok(());
        }
        let in_use =
            inner.writer.stats().in_use + inner.readers.as_ref().map_or(0, |pool| pool.stats().in_use);
        Err(Error::new(FailureKind::Timeout, "sql", inner.name.clone())
            .with_message(format!("{in_use} connections were still at work after {patience:?}")))
    }

    /// The budget that repeats are paid from; none for a client over a service of somebody else's.
    pub(crate) fn retry_budget(&self) -> Option<SharedRetryBudget> {
        Some(self.pipeline.as_ref()?.retry_budget(self.identity.target()))
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What errors call the database.
    pub(crate) fn name(&self) -> &str {
        self.identity.target()
    }

    /// What is known of texts; nothing for a client over a service of somebody else's.
    pub(crate) fn texts(&self) -> Option<&CompiledCache> {
        self.database.as_ref().map(|database| &database.0.texts)
    }

    pub(crate) fn dialect(&self) -> Result<Dialect, Error> {
        Ok(self.database()?.0.texts.dialect())
    }

    pub(crate) fn database(&self) -> Result<&Database, Error> {
        self.database.as_ref().ok_or_else(|| {
            Error::new(FailureKind::Permanent, "sql", "client")
                .with_message("this client stands on a service of its own and has no pool")
                .not_executed()
        })
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.database.as_ref().map_or("service", |database| &database.0.name);
        f.debug_struct("Sql").field("name", &name).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
