//! Limits of calls under way that nothing runs into.

use std::num::NonZeroU32;

use seawall_core::LimitConfig;
use seawall_tower::{
    ConcurrencyLimit, ConcurrencyLimitConfig, ConcurrencyLimitHandle, ConcurrencyLimitLayer, Identity,
};
use tower::Layer;
use tower::limit::ConcurrencyLimitLayer as TowerConcurrencyLimitLayer;
use tower_resilience_adaptive::{AdaptiveLimiterLayer, Aimd, Vegas};
use tower_resilience_bulkhead::BulkheadLayer;

use crate::backend::{Backend, Inner};
use crate::subject::Subject;

pub(crate) const CALLS_AT_ONCE: NonZeroU32 = NonZeroU32::new(100).unwrap();

pub(crate) fn fixed(backend: Backend) -> Vec<Subject> {
    let most = CALLS_AT_ONCE.get() as usize;
    let waiting = BulkheadLayer::builder().max_concurrent_calls(most).build();
    let pushing_back = BulkheadLayer::builder().max_concurrent_calls(most).backpressure().build();
    let valid = "the config is valid";
    vec![
        Subject::service("seawall", ours(backend, &ConcurrencyLimitConfig::fixed(CALLS_AT_ONCE))),
        Subject::service("tower", TowerConcurrencyLimitLayer::new(most).layer(backend.theirs())),
        Subject::service("tower-resilience", waiting.expect(valid).layer(backend.theirs())),
        Subject::service(
            "tower-resilience, backpressure",
            pushing_back.expect(valid).layer(backend.theirs()),
        ),
    ]
}

pub(crate) fn adaptive(backend: Backend) -> Vec<Subject> {
    let LimitConfig { initial, max, .. } = LimitConfig::default();
    let (initial, max) = (initial as usize, max.get() as usize);
    let aimd = Aimd::builder().initial_limit(initial).max_limit(max).build().expect("the limits are valid");
    let vegas = Vegas::builder().initial_limit(initial).max_limit(max).build().expect("the limits are valid");
    vec![
        Subject::service("seawall", ours(backend, &ConcurrencyLimitConfig::default())),
        Subject::service("tower-resilience, AIMD", AdaptiveLimiterLayer::new(aimd).layer(backend.theirs())),
        Subject::service("tower-resilience, Vegas", AdaptiveLimiterLayer::new(vegas).layer(backend.theirs())),
    ]
}

fn ours(
    backend: Backend,
    config: &ConcurrencyLimitConfig,
) -> ConcurrencyLimit<Inner<seawall_core::Error>, seawall_core::ByKind> {
    let limit = ConcurrencyLimitHandle::new(Identity::new("backend"), config).expect("the config is valid");
    ConcurrencyLimitLayer::new(limit).layer(backend.ours())
}
