#![doc = include_str!("../README.md")]

pub mod attempt_timeout;
pub mod balance;
mod builder_ext;
pub mod caller_deadline;
pub mod chaos;
pub mod circuit_breaker;
pub mod clock;
pub mod coalesce;
pub mod concurrency_limit;
pub mod deadline;
pub mod fallback;
pub mod hedge;
mod identity;
mod inner;
pub mod load_shed;
pub mod pipeline;
pub mod rate_limit;
mod registry;
mod replay;
pub mod retry;
pub mod rollout;
mod sharded;
mod spares;
mod time_limit;
mod timer;
mod under_way;

pub use attempt_timeout::{AttemptTimeout, AttemptTimeoutLayer};
pub use balance::{Balance, BalanceConfig, BalanceHandle, EndpointStatus};
pub use builder_ext::ServiceBuilderExt;
pub use caller_deadline::{CallerDeadline, CallerDeadlineLayer, DeadlineHeader, DeadlinePassed};
pub use chaos::{Chaos, ChaosHandle, ChaosLayer};
pub use circuit_breaker::{CircuitBreaker, CircuitBreakerHandle, CircuitBreakerLayer};
pub use coalesce::{Coalesce, CoalesceLayer};
pub use concurrency_limit::{
    ConcurrencyLimit, ConcurrencyLimitConfig, ConcurrencyLimitHandle, ConcurrencyLimitLayer,
};
pub use deadline::{Deadline, DeadlineLayer};
pub use fallback::{Fallback, FallbackAction, FallbackLayer};
pub use hedge::{Hedge, HedgeHandle, HedgeLayer};
pub use identity::Identity;
pub use load_shed::{LoadShed, LoadShedLayer};
pub use pipeline::{
    Load, Pipeline, PipelineConfig, PipelineLayer, PipelineService, StabilityWarning, TargetStatus,
};
pub use rate_limit::by_request::{RequestRateLimit, RequestRateLimitLayer};
pub use rate_limit::{KeyedRateLimiterHandle, RateLimit, RateLimitLayer, RateLimiterHandle};
pub use registry::Registry;
pub use replay::{ByClone, Replay};
pub use retry::{Retry, RetryConfig, RetryLayer, RetryPolicy};
pub use rollout::{Rollout, RolloutHandle};
pub use sharded::Sharded;
pub use spares::Spares;
pub use time_limit::TimeLimitHandle;
pub use timer::{Limited, Timer};
