//! The system that a command runs on.

use seawall::telemetry::LogConfig;
use seawall::{AsyncIoSystem, Config};

use crate::exit::{FAILED, USAGE};

/// A system for commands that need no database: none is opened, and no file is made.
pub(crate) async fn without_database() -> Result<AsyncIoSystem, (u8, String)> {
    let mut config = Config::load().map_err(|error| (USAGE, error.to_string()))?;
    config.database_url = "sqlite::memory:".into();
    AsyncIoSystem::builder().config(config).build().await.map_err(|error| (FAILED, error.to_string()))
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
