//! Rows of queries, kept for as long as the caller says or until a write says otherwise.
//!
//! Nothing is guessed: a query is kept because it says so ([`Query::cached`](crate::Query::cached)), and ended by a write
//! that says so ([`Query::invalidates`](crate::Query::invalidates)), by tags, which are most simply the names of tables. A
//! transaction's writes end it once the transaction is committed.

mod config;
mod invalidation;
mod key;

use std::sync::{Arc, OnceLock};

pub use config::QueryCacheConfig;
pub(crate) use invalidation::Invalidation;
use seawall_cache::{Cache, Tags, Ttl};
use seawall_core::{Error, FailureKind};

use crate::query::strange;
use crate::{Reply, Row, Sql, Statement, Value};

/// What a row costs beside its values.
const ROW: u64 = 64;

type Rows = Cache<Vec<u8>, Arc<Vec<Row>>>;

/// The rows of a client's queries. Made when the first is to be kept.
#[derive(Clone)]
pub(crate) struct QueryCache {
    capacity: u64,
    rows: Arc<OnceLock<Rows>>,
}

impl QueryCache {
    pub(crate) fn new(config: &QueryCacheConfig) -> Self {
        Self { capacity: config.capacity.get(), rows: Arc::default() }
    }

    fn rows(&self) -> Result<&Rows, Error> {
        if let Some(rows) = self.rows.get() {
            return Ok(rows);
        }
        let weigh =
            |key: &Vec<u8>, rows: &Arc<Vec<Row>>| key.len() as u64 + rows.iter().map(weight).sum::<u64>();
        let cache = Cache::builder("sql").pipeline("sql").capacity(self.capacity).weigher(weigh).build();
        let cache = cache.map_err(|invalid| {
            Error::new(FailureKind::Permanent, "sql", "query_cache")
                .with_message(invalid.to_string())
                .not_executed()
        })?;
        Ok(self.rows.get_or_init(|| cache))
    }

    /// Ends what is kept under these tags.
    pub(crate) async fn invalidate(&self, tags: Tags) {
        if let Some(rows) = self.rows.get() {
            // Only a second tier could fail, and there is none.
            let _ = rows.invalidate(tags).await;
        }
    }
}

impl Sql {
    /// The rows that are kept for a statement, or those that it returns now.
    pub(crate) async fn cached_rows(
        &self,
        statement: Statement,
        ttl: Ttl,
        tags: Tags,
    ) -> Result<Arc<Vec<Row>>, Error> {
        let inner = &self.database()?.0;
        if !inner.compile(&statement)?.reads {
            return Err(inner.wrong("only a query that reads can be cached, and this one may write".into()));
        }
        let key = key::of(&statement);
        let sql = self.clone();
        let load = move || async move {
            match sql.call(statement).await? {
                Reply::Rows(rows) => Ok(Arc::new(rows)),
                other => Err(strange(&other)),
            }
        };
        inner.query_cache.rows()?.get_or_load(&*key, ttl.tagged(tags), load).await
    }

    /// Ends what [cached](crate::Query::cached) queries keep under any of these tags: for writes that were made elsewhere.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] for a client over a service of somebody else's, which keeps nothing.
    pub async fn invalidate(&self, tags: impl Into<Tags>) -> Result<(), Error> {
        self.database()?.0.query_cache.invalidate(tags.into()).await;
        Ok(())
    }
}

fn weight(row: &Row) -> u64 {
    fn bytes(value: &Value) -> u64 {
        let beyond = match value {
            Value::Text(text) => text.len() as u64,
            Value::Bytes(bytes) => bytes.len() as u64,
            Value::List(values) => values.iter().map(bytes).sum(),
            _ => 0,
        };
        size_of::<Value>() as u64 + beyond
    }
    ROW + row.values().iter().map(bytes).sum::<u64>()
}
