//! Every layer, one line each, in the order of the alphabet. The settings are generous: nothing here is refused or
//! held up for long, and what a layer does beyond that is tested with the layer.

use std::num::NonZeroU32;
use std::sync::Arc;

use http::{Request, Response};
use seawall_core::{
    ByKind, ChaosConfig, CircuitBreakerConfig, HedgeConfig, Idempotency, RateLimitConfig, RolloutConfig,
};
use seawall_tower::{
    AttemptTimeoutLayer, Balance, BalanceConfig, BalanceHandle, CallerDeadlineLayer, ChaosHandle, ChaosLayer,
    CircuitBreakerHandle, CircuitBreakerLayer, CoalesceLayer, ConcurrencyLimitConfig, ConcurrencyLimitHandle,
    ConcurrencyLimitLayer, DeadlineLayer, FallbackLayer, HedgeHandle, HedgeLayer, Identity, LoadShedLayer,
    Pipeline, PipelineConfig, RateLimitLayer, RateLimiterHandle, RequestRateLimitLayer, RetryConfig,
    RetryLayer, RetryPolicy, Rollout, RolloutHandle, fallback,
};
use tower::{Layer as _, ServiceExt as _};

use super::{Layer, SECOND, boxed, layer};

pub(super) const LAYERS: &[Layer] = &[
    layer("attempt timeout", |inner| boxed(AttemptTimeoutLayer::new(30 * SECOND).layer(inner))),
    layer("balance", |inner| {
        let handle =
            BalanceHandle::seeded(Identity::default(), &BalanceConfig::default(), [("one", inner)], 7);
        boxed(Balance::new(handle.unwrap()))
    }),
    layer("caller deadline", |inner| {
        let spoken = inner.map_request(Request::into_body).map_response(Response::new);
        let limited = CallerDeadlineLayer::new().layer(spoken);
        boxed(limited.map_request(Request::new).map_response(Response::into_body))
    }),
    layer("chaos, off", |inner| boxed(ChaosLayer::new(chaos()).layer(inner))),
    layer("circuit breaker", |inner| boxed(CircuitBreakerLayer::new(breaker()).layer(inner))),
    layer("coalesce", |inner| {
        boxed(CoalesceLayer::new(|request: &&'static str| Some(*request)).layer(inner))
    })
    .waiting()
    .detaching(),
    layer("concurrency limit", |inner| boxed(ConcurrencyLimitLayer::new(limit()).layer(inner))),
    layer("deadline", |inner| boxed(DeadlineLayer::new(30 * SECOND).layer(inner))),
    layer("fallback", |inner| boxed(FallbackLayer::new(fallback::value("fallen back")).layer(inner))),
    layer("hedge", |inner| boxed(hedge().layer(inner))), // a `HedgeLayer`
    layer("load shed", |inner| boxed(LoadShedLayer::new().layer(inner))).shedding(),
    layer("pipeline", |inner| boxed(pipeline().layer("target").layer(inner))), // a `PipelineLayer`
    layer("rate limit", |inner| boxed(RateLimitLayer::new(rate()).layer(inner))),
    layer("rate limit by request", |inner| {
        let rate = rate();
        let charge = move |_: &&'static str| (rate.clone(), NonZeroU32::MIN);
        boxed(RequestRateLimitLayer::new(charge).layer(inner))
    })
    .waiting(),
    layer("retry", |inner| boxed(RetryLayer::new(retry_policy()).layer(inner))),
    layer("rollout", |inner| {
        let config = RolloutConfig { weight: 0.5, ..RolloutConfig::default() };
        let handle = RolloutHandle::new(Identity::default(), &config).unwrap();
        boxed(Rollout::new(handle, inner.clone(), inner))
    })
    .waiting(),
    layer("tower's retry by our policy", |inner| {
        boxed(tower::retry::RetryLayer::new(retry_policy()).layer(inner))
    }),
];

fn chaos() -> ChaosHandle {
    ChaosHandle::new(Identity::default(), &ChaosConfig { error_rate: 1.0, ..ChaosConfig::default() }).unwrap()
}

pub(super) fn breaker() -> CircuitBreakerHandle {
    CircuitBreakerHandle::seeded(Identity::default(), &CircuitBreakerConfig::eager(), 7).unwrap()
}

fn hedge() -> HedgeLayer {
    let config = HedgeConfig { fixed_delay: Some(30 * SECOND), ..HedgeConfig::default() };
    let handle = HedgeHandle::new(Identity::default(), &config).unwrap();
    HedgeLayer::new(handle).unspecified_is(Idempotency::Idempotent)
}

pub(super) fn limit() -> ConcurrencyLimitHandle {
    ConcurrencyLimitHandle::new(Identity::default(), &ConcurrencyLimitConfig::default()).unwrap()
}

pub(super) fn pipeline() -> Pipeline {
    Pipeline::new("test", &PipelineConfig::default(), ByKind, Arc::new(())).unwrap()
}

pub(super) fn rate() -> RateLimiterHandle {
    RateLimiterHandle::new(Identity::default(), &RateLimitConfig::default()).unwrap()
}

pub(super) fn retry_policy() -> RetryPolicy {
    RetryPolicy::new(&RetryConfig { max_attempts: NonZeroU32::new(3).unwrap(), ..RetryConfig::default() })
        .unwrap()
        .unspecified_is(Idempotency::Idempotent)
        .without_budget()
        .seed(7)
}

#[test]
fn every_layer_that_the_crate_exports_is_listed() {
    let listed = include_str!("layers.rs");
    let missing: Vec<_> =
        super::pins::exported().filter(|name| name.ends_with("Layer") && !listed.contains(name)).collect();
    assert!(missing.is_empty(), "add to the list of the contract suite: {missing:?}");
}
