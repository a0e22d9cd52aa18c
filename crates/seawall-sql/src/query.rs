use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use seawall_core::{CallContext, Error, FailureKind, Idempotency};

use serde::de::DeserializeOwned;

use crate::{Action, FromRow, FromValue, Reply, Row, RowStream, Sql, Statement, Transaction, Value};

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
    parameters: Vec<(String, Value)>,
    idempotency: Idempotency,
    asked_at: &'static Location<'static>,
}

/// Where a query goes.
#[derive(Debug)]
enum Place<'a> {
    Client(&'a Sql),
    Transaction(&'a mut Transaction),
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
        Self { place, text, parameters: Vec::new(), idempotency, asked_at: Location::caller() }
    }

    /// Gives the parameter `:name` its value. The last value given counts.
    ///
    /// A list (`[1, 2]`, a `Vec`, a slice, or anything collected into a [`Value`]) goes into `in (:name)`, which gets a
    /// placeholder for each value, up to the next power of two, or on Postgres into an array: `= any(:name)`. An empty
    /// list is refused in an `in`, which no database takes; Postgres takes it as an array.
    pub fn bind(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.push((name.to_owned(), value.into()));
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
        self.fetch_optional().await?.ok_or_else(|| {
            Error::new(FailureKind::Permanent, "sql", "query")
                .with_message("there is no row, and one was expected")
        })
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

    async fn rows(self, action: Action) -> Result<Vec<Row>, Error> {
        match self.reply(action).await? {
            Reply::Rows(rows) => Ok(rows),
            other => Err(strange(&other)),
        }
    }

    async fn reply(self, action: Action) -> Result<Reply, Error> {
        let statement = Statement {
            text: Arc::from(self.text),
            parameters: Arc::new(self.parameters),
            action,
            idempotency: self.idempotency,
            place: self.asked_at,
        };
        match self.place {
            Place::Client(client) => client.call(statement).await,
            Place::Transaction(transaction) => transaction.call(&statement).await,
        }
    }
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
