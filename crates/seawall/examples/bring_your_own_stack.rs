//! Clients over stacks of your own: policies in your own order, or a double for a test.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use seawall::AsyncIoSystem;
use seawall::core::Error;
use seawall::http::{Body, Http, HttpBackend};
use seawall::sql::{Reply, Sql, Statement};
use seawall::tower::{Pipeline, PipelineConfig, RetryConfig};
use tower::{Layer, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The innermost service may be anything: here one that fails now and then, and knows no network.
    let mut answers = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK].into_iter().cycle();
    let answers = Arc::new(std::sync::Mutex::new(move || answers.next()));
    let transport = service_fn(move |_: Request<Body>| {
        let status = answers.lock().ok().and_then(|mut next| next()).unwrap_or(StatusCode::OK);
        async move {
            Ok::<_, Error>(Response::builder().status(status).body(Body::from("hello")).unwrap_or_default())
        }
    });

    // Seawall's default stack, configured by hand, around it.
    let retry = RetryConfig { base_delay: Duration::from_millis(1), ..RetryConfig::default() };
    let config = PipelineConfig { retry, ..PipelineConfig::default() };
    let pipeline = Pipeline::new("mine", &config, HttpBackend, Arc::new(()))?;
    let http = Http::from_service(pipeline.layer("nowhere").layer(transport));

    // A double of a database that changes 42 rows whatever it is told.
    let sql = Sql::from_service(service_fn(async |_: Statement| Ok::<_, Error>(Reply::Changed(42))));

    let io = AsyncIoSystem::builder().http(http).sql(sql).build().await?;
    let response = io.http().get("http://nowhere.test/").send().await?;
    println!("{} after a retry: {}", response.status(), response.into_body().text(1024).await?);
    println!("{} rows changed", io.sql().execute("delete from everything").await?);

    io.shutdown(Duration::from_secs(10)).await?;
    Ok(())
}
