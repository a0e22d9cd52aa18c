use std::sync::Arc;

use seawall_sql::{Cell, Column, ColumnType, RowBatch, Sql, SqlConfig, TableSchema};
#[cfg(any(feature = "postgres", feature = "mysql"))]
use seawall_testkit::proxy::FaultProxy;

/// An SQLite file that is gone with its folder.
pub(crate) struct File {
    folder: tempfile::TempDir,
}

impl File {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}/test.db", self.folder.path().display())
    }
}

pub(crate) async fn connect(url: &str) -> Sql {
    connect_with(url, |_| {}).await
}

pub(crate) async fn connect_with(url: &str, adjust: impl FnOnce(&mut SqlConfig)) -> Sql {
    let mut config = SqlConfig::default();
    adjust(&mut config);
    Sql::connect(url, &config, Arc::new(())).await.unwrap()
}

/// The tests of a body, one for every server that is compiled in.
macro_rules! tests_on_servers {
    ($body:ident) => {
        #[cfg(feature = "postgres")]
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn postgres() {
            $body(&seawall_testkit::servers::postgres_url().unwrap()).await;
        }

        #[cfg(feature = "mysql")]
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn mariadb() {
            $body(&seawall_testkit::servers::mariadb_url().unwrap()).await;
        }
    };
}
pub(crate) use tests_on_servers;

/// Runs a test on every database that is compiled in, each time on an empty one.
macro_rules! on_every_database {
    ($($(#[$attribute:meta])* async fn $name:ident($url:ident: &str) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all that its module has")]
            use super::*;

            $(#[$attribute])*
            async fn body($url: &str) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let file = crate::support::File::new();
                body(&file.url()).await;
            }

            crate::support::tests_on_servers!(body);
        }
    )+};
}
pub(crate) use on_every_database;

pub(crate) fn table(name: &str, columns: &[(&str, ColumnType)]) -> TableSchema {
    let column = |(name, column_type): &(&str, ColumnType)| Column {
        name: (*name).into(),
        column_type: column_type.clone(),
    };
    TableSchema { name: name.into(), columns: columns.iter().map(column).collect() }
}

pub(crate) fn batch(width: usize, cells: &[Cell<'_>]) -> RowBatch {
    let mut batch = RowBatch::new(width);
    for cell in cells {
        batch.push(*cell);
    }
    batch
}

pub(crate) async fn count(sql: &Sql, table: &str) -> i64 {
    let (count,) = sql.query(&format!("select count(*) from {table}")).fetch_one().await.unwrap();
    count
}

/// The URL of what is behind the proxy, through it.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn through(url: &str, proxy: &FaultProxy) -> String {
    let mut url = url::Url::parse(url).unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.addr().port())).unwrap();
    let mode = if url.scheme() == "mysql" { ("ssl-mode", "DISABLED") } else { ("sslmode", "disable") };
    url.query_pairs_mut().append_pair(mode.0, mode.1);
    url.into()
}

/// A proxy in front of a server.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) async fn proxied(url: &str) -> FaultProxy {
    let parsed = url::Url::parse(url).unwrap();
    let upstream = format!("{}:{}", parsed.host_str().unwrap(), parsed.port().unwrap());
    FaultProxy::start(upstream.parse().unwrap(), 7).await.unwrap()
}
