//! The kinds of database, and a look at what they hold.

use seawall::sql::{Sql, SqlConfig};
use seawall_testkit::servers;

use crate::ticks::Contents;

/// A fresh database.
pub(crate) struct Sink {
    pub(crate) url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Sink {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("sink.db").display());
        Self { url, _folder: Some(folder) }
    }

    pub(crate) fn postgres() -> Self {
        Self::at(servers::postgres_url().unwrap())
    }

    pub(crate) fn mariadb() -> Self {
        Self::at(servers::mariadb_url().unwrap())
    }

    /// One of each.
    pub(crate) fn all() -> [Self; 3] {
        [Self::sqlite(), Self::postgres(), Self::mariadb()]
    }

    pub(crate) fn at(url: String) -> Self {
        Self { url, _folder: None }
    }

    pub(crate) async fn open(&self) -> Sql {
        Sql::connect(&self.url, &SqlConfig::default(), std::sync::Arc::new(())).await.unwrap()
    }
}

/// What the table `ticks` holds, straight from the database.
pub(crate) async fn contents(sql: &Sql) -> Contents {
    let mut contents = Contents::default();
    let rows: Vec<(i64, String, f64)> =
        sql.query("select id, symbol, price from ticks").fetch_all().await.unwrap();
    for (id, symbol, price) in rows {
        contents.add(id, &symbol, price);
    }
    contents
}

/// How many batches are committed; none while there is no ledger yet.
pub(crate) async fn batches(sql: &Sql) -> i64 {
    let query = "select count(*) as batches from seawall_ledger where target like '%ticks'";
    let counted: Result<(i64,), _> = sql.query(query).fetch_one().await;
    counted.map_or(0, |(batches,)| batches)
}
