//! Five layers over each other: rate limit, concurrency limit, retry, circuit breaker and timeout.

use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CircuitBreakerConfig, Error};
use seawall_telemetry::{Telemetry, TelemetryConfig};
use seawall_tower::{
    AttemptTimeoutLayer, CircuitBreakerHandle, CircuitBreakerLayer, ConcurrencyLimitConfig,
    ConcurrencyLimitHandle, ConcurrencyLimitLayer, Identity, RateLimitLayer, RateLimiterHandle, RetryConfig,
    RetryLayer, RetryPolicy,
};
use tower::limit::ConcurrencyLimitLayer as TowerConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};
use tower_resilience_bulkhead::BulkheadLayer;
use tower_resilience_circuitbreaker::CircuitBreakerLayer as ResilienceBreakerLayer;
use tower_resilience_retry::RetryLayer as ResilienceRetryLayer;
use tower_resilience_timelimiter::TimeLimiterLayer;

use crate::backend::Backend;
use crate::concurrency::CALLS_AT_ONCE;
use crate::rate_limit;
use crate::retry::Thrice;
use crate::subject::Subject;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn subjects(backend: Backend) -> Vec<Subject> {
    let silent = Identity::new("backend");
    let idle = Identity::new("backend").observer(telemetry(false));
    let scraped = Identity::new("backend").observer(telemetry(true));
    vec![
        Subject::service("seawall", ours(backend, &silent)),
        Subject::service("seawall, erased", BoxCloneSyncService::new(ours(backend, &silent))),
        Subject::service("seawall, idle telemetry", ours(backend, &idle)),
        Subject::service("seawall, Prometheus", ours(backend, &scraped)),
        Subject::service("seawall, three layers", our_three(backend)),
        Subject::service("tower, three layers", three_of_tower(backend)),
        Subject::service("tower-resilience", by_resilience(backend)),
    ]
}

/// With nobody to export to, and nobody who reads the log.
fn telemetry(prometheus: bool) -> Arc<Telemetry> {
    let config = TelemetryConfig { prometheus, otlp: None, ..TelemetryConfig::default() };
    Arc::new(Telemetry::new(&config).expect("the config is valid"))
}

fn ours(
    backend: Backend,
    identity: &Identity,
) -> impl Service<u64, Response = u64, Error = Error, Future: Send> + Clone + Send + Sync + use<> {
    let valid = "the config is valid";
    let rate = RateLimiterHandle::new(identity.clone(), &rate_limit::config()).expect(valid);
    let limit = ConcurrencyLimitConfig::fixed(CALLS_AT_ONCE);
    let limit = ConcurrencyLimitHandle::new(identity.clone(), &limit).expect(valid);
    let retry = RetryPolicy::new(&RetryConfig::default()).expect(valid).identity(identity.clone());
    let breaker = CircuitBreakerHandle::new(identity.clone(), &CircuitBreakerConfig::default()).expect(valid);
    ServiceBuilder::new()
        .layer(RateLimitLayer::new(rate))
        .layer(ConcurrencyLimitLayer::new(limit))
        .layer(RetryLayer::new(retry))
        .layer(CircuitBreakerLayer::new(breaker))
        .layer(AttemptTimeoutLayer::new(TIMEOUT).identity(identity.clone()))
        .service(backend.ours())
}

/// Those that tower has too.
fn our_three(backend: Backend) -> impl Service<u64, Response = u64> + Clone + Send + 'static {
    let valid = "the config is valid";
    let limit = ConcurrencyLimitConfig::fixed(CALLS_AT_ONCE);
    let limit = ConcurrencyLimitHandle::new(Identity::default(), &limit).expect(valid);
    ServiceBuilder::new()
        .layer(ConcurrencyLimitLayer::new(limit))
        .layer(RetryLayer::new(RetryPolicy::new(&RetryConfig::default()).expect(valid)))
        .layer(AttemptTimeoutLayer::new(TIMEOUT))
        .service(backend.ours())
}

fn three_of_tower(backend: Backend) -> impl Service<u64, Response = u64> + Clone + Send + 'static {
    ServiceBuilder::new()
        .layer(TowerConcurrencyLimitLayer::new(CALLS_AT_ONCE.get() as usize))
        .retry(Thrice::budgeted())
        .timeout(TIMEOUT)
        .service(backend.theirs())
}

fn by_resilience(backend: Backend) -> impl Service<u64, Response = u64> + Clone + Send + 'static {
    let valid = "the config is valid";
    let most = CALLS_AT_ONCE.get() as usize;
    ServiceBuilder::new()
        .layer(rate_limit::resilience_layer())
        .layer(BulkheadLayer::builder().max_concurrent_calls(most).build().expect(valid))
        .layer(ResilienceRetryLayer::<u64, u64, _>::exponential_backoff().build())
        .layer(ResilienceBreakerLayer::builder().build().expect(valid))
        .layer(TimeLimiterLayer::builder().timeout_duration(TIMEOUT).build())
        .service(backend.theirs())
}
