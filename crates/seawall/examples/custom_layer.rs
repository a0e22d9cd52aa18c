//! A tower layer of your own around the default HTTP stack: it sees a call once, however often the stack tries it.

mod loopback;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request};
use seawall::http::{Body, Http};
use seawall::telemetry::Telemetry;
use seawall::{AsyncIoSystem, Config};
use tower::{Layer, Service};

/// Says who we are with every request.
#[derive(Clone)]
struct TenantLayer(HeaderValue);

#[derive(Clone)]
struct Tenant<S> {
    inner: S,
    name: HeaderValue,
}

impl<S> Layer<S> for TenantLayer {
    type Service = Tenant<S>;

    fn layer(&self, inner: S) -> Tenant<S> {
        Tenant { inner, name: self.0.clone() }
    }
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Tenant<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        request.headers_mut().insert("x-tenant", self.name.clone());
        self.inner.call(request)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.database_url = "sqlite::memory:".into();

    // Made first, so that the client of your own tells it what it does.
    let telemetry = Arc::new(Telemetry::new(&config.telemetry)?);
    let observer: Arc<Telemetry> = Arc::clone(&telemetry);
    let http = Http::new(&config.http, observer)?.layer(TenantLayer(HeaderValue::from_static("ann")));
    let io = AsyncIoSystem::builder().config(config).telemetry(telemetry).http(http).build().await?;

    let server = loopback::echo().await?;
    let response = io.http().get(format!("http://{server}/")).send().await?;
    println!("the server was sent:\n{}", response.into_body().text(64 * 1024).await?);
    println!("{} call(s) in the statistics", io.stats().calls.targets[0].calls.success);

    io.shutdown(Duration::from_secs(10)).await?;
    Ok(())
}
