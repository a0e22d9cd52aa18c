use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CallContext, Error};
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
    let mut config = patient();
    adjust(&mut config);
    Sql::connect(url, &config, Arc::new(())).await.unwrap()
}

/// The default, but for times that a machine which stands still for a while would use up.
pub(crate) fn patient() -> SqlConfig {
    let mut config = SqlConfig::default();
    config.pool.wait_timeout = PATIENCE;
    config.pool.connect_timeout = PATIENCE;
    config.sqlite.busy_timeout = PATIENCE;
    // The deadline is enough.
    config.pipeline.attempt_timeout = None;
    config
}

const PATIENCE: Duration = Duration::from_mins(2);

/// The error of a call with so little time that it is soon over, and enough for what is to have been `reached` by then.
/// On a machine that stood still meanwhile it is made again with more.
pub(crate) async fn out_of_time<T: std::fmt::Debug>(
    mut call: impl AsyncFnMut(Duration) -> Result<T, Error>,
    reached: impl Fn(&Error) -> bool,
) -> Error {
    let mut time = Duration::from_millis(100);
    loop {
        let error = call(time).await.unwrap_err();
        if reached(&error) || time > Duration::from_mins(1) {
            return error;
        }
        time *= 5;
    }
}

/// A context of a caller who has so much time.
pub(crate) fn within(time: Duration) -> CallContext {
    CallContext::default().within(time, tokio::time::Instant::now().into_std())
}

/// How a call ends whose time passes while it waits: at once, by the clock of a runtime of one thread.
pub(crate) async fn overtaken<T>(call: impl Future<Output = T>, time: Duration) -> T {
    tokio::join!(call, pass(time)).0
}

/// Lets this much time pass at once.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
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
