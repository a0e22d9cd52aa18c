use std::path::Path;

use seawall::{AsyncIoSystem, Builder, Config};
use tempfile::TempDir;

/// The default configuration, but with its database in a folder that goes away with the test.
pub(crate) fn config_in(folder: &Path) -> Config {
    let mut config = Config::default();
    config.database_url = format!("sqlite://{}", folder.join("seawall.db").display()).into();
    config
}

/// A system on nothing but defaults, and the folder it lives in.
pub(crate) async fn system() -> (AsyncIoSystem, TempDir) {
    system_with(|builder| builder).await
}

pub(crate) async fn system_with(change: impl FnOnce(Builder) -> Builder) -> (AsyncIoSystem, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let builder = AsyncIoSystem::builder().config(config_in(folder.path()));
    (change(builder).build().await.unwrap(), folder)
}

/// A system whose database is in memory.
pub(crate) async fn in_memory() -> AsyncIoSystem {
    let mut config = Config::default();
    config.database_url = "sqlite::memory:".into();
    AsyncIoSystem::builder().config(config).build().await.unwrap()
}
