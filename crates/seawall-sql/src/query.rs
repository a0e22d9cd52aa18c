use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use seawall_core::{CallContext, Error, FailureKind, Idempotency};

use seawall_cache::{Tags, Ttl};
use serde::de::DeserializeOwned;

use crate::named::{Compiled, CompiledCache};
use crate::replicas::Route;
use crate::statement::Asked;
use crate::{
    Action, FromRow, FromValue, Reply, Row, RowStream, Sql, Statement, Transaction, Value, WriteToken,
};

/// A statement being put together: made by [`Sql::query`] and [`Transaction::query`].
///
/// A parameter is written `:name` in the text and given with [`bind`](Self::bind). Values travel beside the text and
/// never become part of it.
///
/// None of its futures does anything before it is first polled. Dropping one cancels the statement: its connection
/// is closed, the database told to stop; what it had done by then outside of a transaction may remain.
#[derive(Debug)]
#[must_use = "a query does nothing until it is fetched or executed"]
pub struct Query<'a> {
    place: Place<'a>,
    text: &'a str,
    /// The text as it was compiled before, if it was.
    known: Option<Arc<Compiled>>,
    parameters: Vec<(Arc<str>, Value)>,
    idempotency: Idempotency,
    route: Route,
    cached: Option<Box<(Ttl, Tags)>>,
    invalidates: Vec<Tags>,
    asked_at: &'static Location<'static>,
}

/// Where a query goes.
#[derive(Debug)]
enum Place<'a> {
    Client(&'a Sql),
    Transaction(&'a mut Transaction),
}

impl Place<'_> {
    /// What is known of texts there.
    fn texts(&self) -> Option<&CompiledCache> {
        match self {
            Self::Client(client) => client.texts(),
            Self::Transaction(transaction) => Some(transaction.texts()),
        }
    }
}

impl<'a> Query<'a> {
    #[track_caller]
    pub(crate) fn on_client(client: &'a Sql, text: &'a str) -> Self {
        Self::at(Place::Client(client), text)
    }

    #[track_caller]
    pub(crate) fn on_transaction(transaction: &'a mut Transaction, text: &'a str) -> Self {
        Self::at(Place::Transaction(transaction), text)
    }

    #[track_caller]
    fn at(place: Place<'a>, text: &'a str) -> Self {
        let idempotency = Idempotency::Unspecified;
        let (route, asked_at) = (Route::Writer, Location::caller());
        let (cached, invalidates) = (None, Vec::new());
        let known = place.texts().and_then(|texts| texts.known(text));
        let parameters = Vec::new();
        Self { place, text, known, parameters, idempotency, route, cached, invalidates, asked_at }
    }

    /// Gives the parameter `:name` its value. The last value given counts.
    ///
    /// A list (`[1, 2]`, a `Vec`, a slice, or anything collected into a [`Value`]) goes into `in (:name)`, which gets a
    /// placeholder for each value, up to the next power of two, or on Postgres into an array: `= any(:name)`. An empty
    /// list is refused in an `in`, which no database takes; Postgres takes it as an array.
    pub fn bind(mut self, name: &str, value: impl Into<Value>) -> Self {
        let known = self.known.iter().flat_map(|known| &known.parameters).find(|known| ***known == *name);
        let name = known.map_or_else(|| Arc::from(name), Arc::clone);
        self.parameters.push((name, value.into()));
        self
    }

    /// Says that executing it twice does the same as executing it once, so that it may be retried.
    pub fn idempotent(mut self) -> Self {
        self.idempotency = Idempotency::Idempotent;
        self
    }

    /// Says that it must not be made again once it may have been executed, though it looks as if it only read.
    pub fn not_idempotent(mut self) -> Self {
        self.idempotency = Idempotency::NotIdempotent;
        self
    }

    /// Lets a [replica](crate::ReplicasConfig) answer, which may be up to `max_lag` behind. A text that may write, and every
    /// statement of a transaction, goes where it would have gone without this; so does all if there is no replica that is
    /// near enough, or the one chosen cannot be reached.
    pub fn read(mut self) -> Self {
        self.route = Route::Replica;
        self
    }

    /// As [`read`](Self::read), from a replica that has all that was written before the [token](Sql::write_token) was
    /// made.
    ///
    /// ```no_run
    /// # async fn example(sql: seawall_sql::Sql) -> Result<(), seawall_core::Error> {
    /// sql.execute("update users set name = 'Bea' where id = 1").await?;
    /// let token = sql.write_token().await?; // into the user's session
    /// let name: String =
    ///     sql.query("select name from users where id = 1").read_after(token).fetch_scalar().await?;
    /// assert_eq!(name, "Bea");
    /// # Ok(()) }
    /// ```
    pub fn read_after(mut self, token: WriteToken) -> Self {
        self.route = Route::After(token);
        self
    }

    /// Keeps what it fetches for as long as `ttl` says, for all who ask the same, in the memory of this process. However
    /// many ask at once, the database is asked once. A write that [invalidates](Self::invalidates) one of the tags
    /// ends it; the most simple tags are the names of tables.
    ///
    /// Only what reads can be cached. Inside of a transaction, in a stream, and for [`execute`](Self::execute) nothing is.
    /// A query that a [replica](Self::read) answers may be kept as it was before an invalidation that came shortly before.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
    /// # use std::time::Duration;
    /// # let sql = seawall_sql::Sql::connect("sqlite::memory:", &Default::default(), std::sync::Arc::new(())).await?;
    /// # sql.execute("create table users (id integer primary key, name text)").await?;
    /// let minute = Duration::from_secs(60);
    /// let count = || sql.query("select count(*) from users").cached(minute, ["users"]).fetch_scalar::<i64>();
    /// assert_eq!(count().await?, 0);
    /// sql.execute("insert into users values (1, 'Ann')").invalidates(["users"]).await?;
    /// assert_eq!(count().await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn cached(mut self, ttl: impl Into<Ttl>, tags: impl Into<Tags>) -> Self {
        self.cached = Some(Box::new((ttl.into(), tags.into())));
        self
    }

    /// Ends what is [cached](Self::cached) under any of these tags when it has written: inside of a transaction, when that
    /// is committed. Processes that share the database do not hear of it.
    pub fn invalidates(mut self, tags: impl Into<Tags>) -> Self {
        self.invalidates.push(tags.into());
        self
    }

    /// Every row, in memory. For results without a bound there is [`stream`](Self::stream).
    ///
    /// # Errors
    /// As [`execute`](Self::execute); also [`FailureKind::Permanent`] if a row cannot be read as a `T`.
    pub async fn fetch_all<T: FromRow>(self) -> Result<Vec<T>, Error> {
        self.rows(Action::FetchAll).await?.into_iter().map(T::from_row).collect()
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`fetch_all`](Self::fetch_all).
    pub async fn fetch_optional<T: FromRow>(self) -> Result<Option<T>, Error> {
        self.rows(Action::FetchFirst).await?.into_iter().next().map(T::from_row).transpose()
    }

    /// The first row.
    ///
    /// # Errors
    /// As [`fetch_all`](Self::fetch_all); also [`FailureKind::Permanent`] if there is none.
    pub async fn fetch_one<T: FromRow>(self) -> Result<T, Error> {
        let row = self.rows(Action::FetchFirst).await?.into_iter().next().ok_or_else(none)?;
        T::from_row(row)
    }

    /// The value of the first column of the first row: `select count(*) …`.
    ///
    /// # Errors
    /// As [`fetch_one`](Self::fetch_one).
    pub async fn fetch_scalar<T: FromValue>(self) -> Result<T, Error> {
        self.fetch_one::<Row>().await?.get(0)
    }

    /// Every row, as any type that serde can make of it: see [`Row::deserialize`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
    /// # let sql = seawall_sql::Sql::connect("sqlite::memory:", &Default::default(), std::sync::Arc::new(())).await?;
    /// #[derive(serde::Deserialize)]
    /// struct User { id: i64, name: Option<String> }
    ///
    /// sql.execute("create table users (id integer primary key, name text)").await?;
    /// sql.execute("insert into users values (1, 'Ann'), (2, null), (3, 'Cy')").await?;
    /// let users: Vec<User> =
    ///     sql.query("select * from users where id in (:ids) order by id").bind("ids", [1, 2]).fetch_all_as().await?;
    /// assert_eq!((users[0].id, users[0].name.as_deref(), users[1].name.as_deref()), (1, Some("Ann"), None));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`fetch_all`](Self::fetch_all).
    pub async fn fetch_all_as<T: DeserializeOwned>(self) -> Result<Vec<T>, Error> {
        self.rows(Action::FetchAll).await?.iter().map(Row::deserialize).collect()
    }

    /// The first row, if there is one, as any type that serde can make of it.
    ///
    /// # Errors
    /// As [`fetch_all`](Self::fetch_all).
    pub async fn fetch_optional_as<T: DeserializeOwned>(self) -> Result<Option<T>, Error> {
        self.rows(Action::FetchFirst).await?.first().map(Row::deserialize).transpose()
    }

    /// The first row, as any type that serde can make of it.
    ///
    /// # Errors
    /// As [`fetch_one`](Self::fetch_one).
    pub async fn fetch_one_as<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.fetch_one::<Row>().await?.deserialize()
    }

    /// Executes it and says how many rows it changed.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] for a text that cannot be read, a parameter without a value or a value without a
    /// parameter, and for what the database refuses; otherwise the kind that the failure has for everybody.
    pub async fn execute(self) -> Result<u64, Error> {
        match self.reply(Action::Execute).await? {
            Reply::Changed(rows) => Ok(rows),
            other => Err(strange(&other)),
        }
    }

    /// Its rows as they come, a few in memory at a time. Not inside of a transaction.
    ///
    /// The future is done when the first rows are here; what goes wrong later comes out of the stream, and is not
    /// retried. The deadline of the caller's [`CallContext`](seawall_core::CallContext) holds for the whole stream,
    /// the time limits of the client's own stack for its beginning. Dropping the stream stops the statement.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn stream(self) -> Result<RowStream, Error> {
        let deadline = CallContext::current_deadline();
        match self.reply(Action::Stream).await? {
            Reply::Stream(stream) => Ok(stream.until(deadline)),
            other => Err(strange(&other)),
        }
    }

    // The statement is made before there is a future: what waits is as small as can be, since it is moved a few times.
    fn rows(mut self, action: Action) -> impl Future<Output = Result<Vec<Row>, Error>> {
        let cached = self.cached.take();
        let (place, statement) = self.into_statement(action);
        async move {
            if let (Place::Client(client), Some(cached)) = (&place, cached) {
                // In a box, as all that few calls need: every call would have room for it otherwise.
                let (ttl, tags) = *cached;
                let rows = Box::pin(client.cached_rows(statement, ttl, tags)).await?;
                return Ok(Arc::unwrap_or_clone(rows));
            }
            match reply(place, statement).await? {
                Reply::Rows(rows) => Ok(rows),
                other => Err(strange(&other)),
            }
        }
    }

    fn reply(self, action: Action) -> impl Future<Output = Result<Reply, Error>> {
        let (place, statement) = self.into_statement(action);
        reply(place, statement)
    }

    fn into_statement(self, action: Action) -> (Place<'a>, Statement) {
        let text = self.known.as_ref().map_or_else(|| Arc::from(self.text), |known| Arc::clone(&known.text));
        let asked = Asked {
            text,
            known: self.known,
            parameters: self.parameters,
            action,
            route: self.route,
            invalidates: self.invalidates,
            place: self.asked_at,
        };
        (self.place, Statement { asked: Arc::new(asked), idempotency: self.idempotency })
    }
}

async fn reply(place: Place<'_>, statement: Statement) -> Result<Reply, Error> {
    match place {
        Place::Client(client) => client.call(statement).await,
        Place::Transaction(transaction) => Box::pin(transaction.call(&statement)).await,
    }
}

#[cold]
fn none() -> Error {
    Error::new(FailureKind::Permanent, "sql", "query").with_message("there is no row, and one was expected")
}

/// A stack of the user's own answered with something else than it was asked for.
pub(crate) fn strange(reply: &Reply) -> Error {
    let what = match reply {
        Reply::Changed(_) => "a number of rows",
        Reply::Rows(_) => "rows",
        Reply::Stream(_) => "a stream",
        Reply::Transaction(_) => "a transaction",
    };
    Error::new(FailureKind::Permanent, "sql", "query")
        .with_message(format!("the service behind the client answered with {what}, which was not asked for"))
}

/// A statement that is executed when awaited: made by [`Sql::execute`] and [`Transaction::execute`].
#[derive(Debug)]
#[must_use = "a statement does nothing until it is awaited"]
pub struct Execute<'a>(pub(crate) Query<'a>);

impl Execute<'_> {
    /// See [`Query::invalidates`].
    pub fn invalidates(self, tags: impl Into<Tags>) -> Self {
        Self(self.0.invalidates(tags))
    }

    /// See [`Query::bind`].
    pub fn bind(self, name: &str, value: impl Into<Value>) -> Self {
        Self(self.0.bind(name, value))
    }

    /// See [`Query::idempotent`].
    pub fn idempotent(self) -> Self {
        Self(self.0.idempotent())
    }
}

impl<'a> IntoFuture for Execute<'a> {
    type Output = Result<u64, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.0.execute())
    }
}
