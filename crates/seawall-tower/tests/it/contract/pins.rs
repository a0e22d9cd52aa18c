//! What crosses threads, pinned: every public layer, service, handle and configuration is `Clone + Send + Sync`, every
//! future is `Send`.

use std::borrow::Cow;
use std::future::Ready;
use std::num::NonZeroU32;

use seawall_core::{ByKind, Error};
use seawall_tower::{
    AttemptTimeout, AttemptTimeoutLayer, Balance, BalanceConfig, BalanceHandle, ByClone, CallerDeadline,
    CallerDeadlineLayer, Chaos, ChaosHandle, ChaosLayer, CircuitBreaker, CircuitBreakerHandle,
    CircuitBreakerLayer, Coalesce, CoalesceLayer, ConcurrencyLimit, ConcurrencyLimitConfig,
    ConcurrencyLimitHandle, ConcurrencyLimitLayer, Deadline, DeadlineHeader, DeadlineLayer, DeadlinePassed,
    EndpointStatus, Fallback, FallbackLayer, Hedge, HedgeHandle, HedgeLayer, Identity,
    KeyedRateLimiterHandle, Limited, Load, LoadShed, LoadShedLayer, Pipeline, PipelineConfig, PipelineLayer,
    PipelineService, RateLimit, RateLimitLayer, RateLimiterHandle, Registry, RequestRateLimit,
    RequestRateLimitLayer, Retry, RetryConfig, RetryLayer, RetryPolicy, Rollout, RolloutHandle, Sharded,
    Spares, StabilityWarning, TargetStatus, TimeLimitHandle, Timer, attempt_timeout, balance,
    caller_deadline, chaos, circuit_breaker, coalesce, concurrency_limit, deadline, fallback, hedge,
    load_shed, pipeline, rate_limit, retry, rollout,
};

use seawall_tower::fallback::{FallbackService, FallbackServiceFuture, FallbackValue};
use seawall_tower::rate_limit::by_request::{ByCost, ByKey};

use super::Guarded;

type Key = fn(&&'static str) -> Cow<'static, str>;
type Cost = fn(&&'static str) -> NonZeroU32;

/// A future and a service of the least that is asked for.
type Answer = Ready<Result<&'static str, Error>>;

fn shared<T: Clone + Send + Sync + 'static>() {}
fn sent<T: Send + 'static>() {}

#[test]
fn everything_public_crosses_threads_and_is_cloned() {
    shared::<AttemptTimeout<Guarded>>();
    shared::<AttemptTimeoutLayer>();
    shared::<Balance<Guarded>>();
    shared::<BalanceConfig>();
    shared::<BalanceHandle<Guarded>>();
    shared::<ByClone<ByKind>>();
    shared::<CallerDeadline<Guarded>>();
    shared::<CallerDeadlineLayer>();
    shared::<Chaos<Guarded>>();
    shared::<ChaosHandle>();
    shared::<ChaosLayer>();
    shared::<CircuitBreaker<Guarded, ByKind>>();
    shared::<CircuitBreakerHandle>();
    shared::<CircuitBreakerLayer>();
    shared::<ConcurrencyLimit<Guarded, ByKind>>();
    shared::<ConcurrencyLimitConfig>();
    shared::<ConcurrencyLimitHandle>();
    shared::<ConcurrencyLimitLayer>();
    shared::<Coalesce<Guarded, fn(&&'static str) -> Option<u8>, &'static str, u8>>();
    shared::<CoalesceLayer<fn(&&'static str) -> Option<u8>, &'static str, u8>>();
    shared::<Deadline<Guarded>>();
    shared::<DeadlineLayer>();
    shared::<DeadlineHeader>();
    shared::<DeadlinePassed>();
    shared::<EndpointStatus>();
    shared::<Fallback<Guarded, FallbackValue<u32>>>();
    shared::<FallbackLayer<FallbackService<Guarded>>>();
    shared::<FallbackLayer<FallbackValue<u32>>>();
    shared::<Hedge<Guarded>>();
    shared::<HedgeHandle>();
    shared::<HedgeLayer>();
    shared::<Identity>();
    shared::<KeyedRateLimiterHandle>();
    shared::<Load>();
    shared::<LoadShed<Guarded>>();
    shared::<LoadShedLayer>();
    shared::<Pipeline<ByKind>>();
    shared::<PipelineConfig>();
    shared::<PipelineLayer<ByKind>>();
    shared::<PipelineService<Guarded, ByKind>>();
    shared::<pipeline::AttemptLayer<ByKind>>();
    shared::<pipeline::AttemptService<Guarded, ByKind>>();
    shared::<pipeline::CallLayer<ByKind>>();
    shared::<pipeline::CallService<Guarded, ByKind>>();
    shared::<RateLimit<Guarded, ByKind>>();
    shared::<RateLimitLayer>();
    shared::<RateLimiterHandle>();
    shared::<RequestRateLimit<Guarded, ByKey<Key>, ByKind>>();
    shared::<RequestRateLimitLayer<ByCost<Cost>>>();
    shared::<Retry<Guarded>>();
    shared::<RetryConfig>();
    shared::<RetryLayer>();
    shared::<RetryPolicy>();
    shared::<Rollout<Guarded, Guarded>>();
    shared::<RolloutHandle>();
    shared::<StabilityWarning>();
    shared::<TargetStatus>();
    shared::<TimeLimitHandle>();
}

#[test]
fn what_is_not_cloned_crosses_threads_all_the_same() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Registry<CircuitBreakerHandle>>();
    crosses::<Sharded<u8>>();
    crosses::<Spares<Guarded>>();
    crosses::<Timer>();
    crosses::<pipeline::FailedPassage>();
    crosses::<pipeline::FastPath<ByKind>>();
    crosses::<pipeline::Passage<'static, ByKind>>();
}

#[test]
fn every_future_can_be_spawned() {
    sent::<attempt_timeout::future::ResponseFuture<Answer>>();
    sent::<balance::future::ResponseFuture<Answer, Guarded, ByKind>>();
    sent::<caller_deadline::future::ResponseFuture<Answer>>();
    sent::<chaos::future::ResponseFuture<Answer, &'static str, Error>>();
    sent::<circuit_breaker::future::ResponseFuture<Answer, ByKind>>();
    sent::<concurrency_limit::future::ResponseFuture<Answer, ByKind>>();
    sent::<coalesce::future::ResponseFuture<u8, &'static str, Error>>();
    sent::<deadline::future::ResponseFuture<Answer>>();
    sent::<fallback::future::ResponseFuture<Guarded, &'static str, FallbackService<Guarded>, ByKind>>();
    sent::<FallbackServiceFuture<Guarded, &'static str, Error>>();
    sent::<Limited<'static, Answer>>();
    sent::<hedge::future::ResponseFuture<Guarded, &'static str, ByKind>>();
    sent::<load_shed::future::ResponseFuture<Answer>>();
    sent::<pipeline::future::ResponseFuture<Guarded, &'static str, ByKind>>();
    sent::<rate_limit::by_request::future::ResponseFuture<Guarded, &'static str, ByKind>>();
    sent::<rate_limit::future::ResponseFuture<Answer, ByKind>>();
    sent::<retry::future::ResponseFuture<Guarded, &'static str, ByKind, backon::ExponentialBuilder>>();
    sent::<rollout::future::ResponseFuture<Guarded, Guarded, &'static str, ByKind>>();
}

/// The traits, which are no types to pin.
const TRAITS: [&str; 3] = ["FallbackAction", "Replay", "ServiceBuilderExt"];

#[test]
fn everything_that_the_crate_exports_is_pinned() {
    let pinned = include_str!("pins.rs");
    let is_pinned = |name: &&str| {
        ["<", ">"].iter().any(|end| pinned.contains(&format!("::<{name}{end}"))) || TRAITS.contains(name)
    };
    let missing: Vec<_> = exported().filter(|name| !is_pinned(name)).collect();
    assert!(missing.is_empty(), "add to the pins of the contract suite: {missing:?}");
}

/// The names that the crate exports.
pub(crate) fn exported() -> impl Iterator<Item = &'static str> {
    let source = include_str!("../../../src/lib.rs");
    let uses = source.split("pub use ").skip(1).filter_map(|rest| rest.split_once(';'));
    uses.flat_map(|(path, _)| path.rsplit_once("::").expect("an export names its module").1.split(','))
        .map(|name| name.trim_matches(|c: char| "{}".contains(c) || c.is_whitespace()))
        .filter(|name| !name.is_empty())
}
