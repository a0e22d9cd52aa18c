//! Everything on embedded defaults: a database, a file and the cache, with nothing to install.

use std::time::Duration;

use seawall::{AsyncIoSystem, Config};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.database_url = "sqlite::memory:".into(); // the default is a file, `seawall.db`
    let io = AsyncIoSystem::builder().config(config).build().await?;

    io.sql().execute("create table users (id integer primary key, name text)").await?;
    io.sql().execute("insert into users values (:id, :name)").bind("id", 1).bind("name", "Ann").await?;
    let query = io.sql().query("select name from users where id = :id").bind("id", 1);
    let user: Option<(String,)> = query.fetch_optional().await?;
    println!("user 1 is {user:?}");

    io.cache().set("user:1", &user, Duration::from_hours(1)).await?;

    let path = std::env::temp_dir().join("seawall-quick-start.txt");
    io.fs().write_atomic(&path, "whole or not at all").await?;
    println!("{:?}", io.fs().read(&path, 1024).await?);
    io.fs().remove(&path).await?;

    println!("{}", serde_json::to_string_pretty(&io.stats())?);
    io.shutdown(Duration::from_secs(10)).await?; // says what it had to abandon
    Ok(())
}
