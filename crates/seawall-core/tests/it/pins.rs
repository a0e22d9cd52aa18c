//! What crosses threads, pinned: every public type is `Send + Sync`, every configuration and handle is `Clone` too.

use std::future::Ready;

use seawall_core::{
    Admission, Arm, Attention, AttributeValue, BoxError, ByKind, CallContext, ChaosConfig, CircuitBreaker,
    CircuitBreakerConfig, CircuitMode, CircuitState, Decision, Departure, EndpointId, Epoch, Error, Event,
    Ewma, Failure, FailureKind, Fate, Fault, Gcra, Hedge, HedgeConfig, Idempotency, InjectedError, Injection,
    InvalidConfig, Jitter, Limit, LimitAlgorithm, LimitConfig, Measurement, MovingQuantile, Name, Narrowed,
    Origin, Outcome, OutlierConfig, OutlierDetector, Priority, RateLimitConfig, RateLimiter, Refusal,
    Refused, RetryBudget, RetryBudgetConfig, RetryBudgetForm, Rollout, RolloutConfig, Sample, Scoped,
    SharedRetryBudget, Slack, Spread, WaitKey, WaitQueue, WaitQueueConfig,
};

fn shared<T: Clone + Send + Sync + 'static>() {}
fn crosses<T: Send + Sync + 'static>() {}

#[test]
fn configurations_handles_and_words_are_cloned_and_cross_threads() {
    shared::<Arm>();
    shared::<Attention>();
    shared::<AttributeValue<'static>>();
    shared::<ByKind>();
    shared::<CallContext>();
    shared::<ChaosConfig>();
    shared::<CircuitBreakerConfig>();
    shared::<CircuitMode>();
    shared::<CircuitState>();
    shared::<Epoch>();
    shared::<Error>();
    shared::<Event>();
    shared::<Failure>();
    shared::<FailureKind>();
    shared::<Fault>();
    shared::<HedgeConfig>();
    shared::<Idempotency>();
    shared::<InjectedError>();
    shared::<Injection>();
    shared::<InvalidConfig>();
    shared::<Jitter>();
    shared::<LimitAlgorithm>();
    shared::<LimitConfig>();
    shared::<Measurement<'static>>();
    shared::<Name>();
    shared::<Origin<'static>>();
    shared::<OutlierConfig>();
    shared::<Outcome>();
    shared::<Priority>();
    shared::<RateLimitConfig>();
    shared::<Refusal>();
    shared::<Refused>();
    shared::<RetryBudgetConfig>();
    shared::<RetryBudgetForm>();
    shared::<RolloutConfig>();
    shared::<SharedRetryBudget>();
    shared::<Slack>();
    shared::<WaitQueueConfig>();
}

#[test]
fn policies_and_what_they_hand_out_cross_threads() {
    crosses::<Admission>();
    crosses::<BoxError>();
    crosses::<CircuitBreaker>();
    crosses::<Decision>();
    crosses::<Departure<u32>>();
    crosses::<EndpointId>();
    crosses::<Fate>();
    crosses::<Gcra>();
    crosses::<Hedge>();
    crosses::<Limit>();
    crosses::<MovingQuantile>();
    crosses::<Narrowed<Ready<()>>>();
    crosses::<OutlierDetector>();
    crosses::<Ewma>();
    crosses::<RateLimiter>();
    crosses::<RetryBudget>();
    crosses::<Rollout>();
    crosses::<Sample>();
    crosses::<Scoped<Ready<()>>>();
    crosses::<Spread>();
    crosses::<WaitKey>();
    crosses::<WaitQueue<u32>>();
}

/// Traits, functions and modules, which are no types to pin.
const OTHERS: [&str; 4] = ["Classify", "Observer", "exponential", "friendly_duration"];

#[test]
fn everything_that_the_crate_exports_is_pinned() {
    let pinned = include_str!("pins.rs");
    let source = include_str!("../../src/lib.rs");
    let uses = source.split("pub use ").skip(1).filter_map(|rest| rest.split_once(';'));
    let names = uses
        .flat_map(|(path, _)| path.rsplit_once("::").expect("an export names its module").1.split(','))
        .map(|name| name.trim_matches(|c: char| "{}".contains(c) || c.is_whitespace()))
        .filter(|name| !name.is_empty() && !OTHERS.contains(name));
    let is_pinned = |name: &&str| ["<", ">"].iter().any(|end| pinned.contains(&format!("::<{name}{end}")));
    let missing: Vec<_> = names.filter(|name| !is_pinned(name)).collect();
    assert!(missing.is_empty(), "pin these too: {missing:?}");
}
