//! The end of a service, in order: no new calls, those under way finish, the database closes, telemetry is flushed.

mod loopback;

use std::time::Duration;

use seawall::{AsyncIoSystem, Config};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.database_url = "sqlite::memory:".into();
    let io = AsyncIoSystem::builder().config(config).build().await?;
    let url = format!("http://{}/", loopback::echo().await?);

    let request = io.http().get(&url);
    let under_way = tokio::spawn(async move { request.send().await?.into_body().text(64 * 1024).await });
    while io.stats().in_flight == 0 {
        tokio::task::yield_now().await;
    }

    // A service would wait for `tokio::signal::ctrl_c()` here.
    let ending = tokio::spawn({
        let io = io.clone();
        async move { io.shutdown(io.config().shutdown_deadline).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;

    println!("health: {:?}", io.health().await.status);
    println!(
        "a new call: {}",
        io.http().get(&url).send().await.err().map(|error| error.to_string()).unwrap_or_default()
    );
    println!("the call under way: {} bytes", under_way.await??.len());
    match ending.await? {
        Ok(()) => println!("nothing was abandoned"),
        Err(abandoned) => println!("{abandoned}"),
    }
    Ok(())
}
