//! The system that a command runs on.

use seawall::core::{Error, FailureKind};
use seawall::sql::{Reply, Sql, Statement};
use seawall::telemetry::LogConfig;
use seawall::{AsyncIoSystem, Config};
use tower::service_fn;

use crate::exit::{FAILED, USAGE};

/// A system for commands that need no database: none is opened, and no file is made.
pub(crate) async fn without_database() -> Result<AsyncIoSystem, (u8, String)> {
    let config = Config::load().map_err(|error| (USAGE, error.to_string()))?;
    // Opening one, even in memory, would be a fifth of the time that a command takes to begin.
    let none = Sql::from_service(service_fn(|_: Statement| async {
        let error = Error::new(FailureKind::Permanent, "sql", "none");
        Err::<Reply, _>(error.with_message("this command has no database").not_executed())
    }));
    let system = AsyncIoSystem::builder().config(config).sql(none).build().await;
    system.map_err(|error| (FAILED, error.to_string()))
}

/// Sends what the library tells to standard error, as much as is asked for.
pub(crate) fn log(io: &AsyncIoSystem, verbose: u8) {
    let filter = match verbose {
        0 => return,
        1 => "info",
        _ => "debug",
    };
    let config = LogConfig { filter: filter.to_owned(), ..LogConfig::default() };
    if let Err(error) = io.telemetry().init_logging(&config) {
        eprintln!("seawall: no log: {error}");
    }
}
