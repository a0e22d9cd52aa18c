#![doc = include_str!("../README.md")]

mod chaos;
mod circuit_breaker;
mod context;
mod count_window;
mod duration;
mod epoch;
mod error;
mod event;
mod ewma;
mod failure;
mod hedge;
mod invalid_config;
mod jitter;
mod limit;
mod moving_quantile;
mod name;
pub mod or_off;
mod outlier;
mod priority;
mod rate_limiter;
mod refusal;
mod retry_budget;
mod rollout;
mod shared_retry_budget;
mod slack;
mod sync;
mod tally;
mod time_window;
mod wait_queue;

pub use chaos::{ChaosConfig, Fault, InjectedError, Injection};
pub use circuit_breaker::{
    Admission, CircuitBreaker, CircuitBreakerConfig, CircuitMode, CircuitState, Refused,
};
pub use context::{CallContext, Idempotency, Narrowed, Scoped};
pub use duration::friendly_duration;
pub use epoch::Epoch;
pub use error::{BoxError, Error};
pub use event::{Event, Observer, Origin};
pub use ewma::Ewma;
pub use failure::{ByKind, Classify, Failure, FailureKind, Outcome};
pub use hedge::{Hedge, HedgeConfig};
pub use invalid_config::InvalidConfig;
pub use jitter::{Jitter, Spread, exponential};
pub use limit::{Attention, Limit, LimitAlgorithm, LimitConfig, Sample};
pub use moving_quantile::MovingQuantile;
pub use name::Name;
pub use outlier::{Decision, EndpointId, OutlierConfig, OutlierDetector};
pub use priority::Priority;
pub use rate_limiter::{Gcra, RateLimitConfig, RateLimiter};
pub use refusal::Refusal;
pub use retry_budget::{RetryBudget, RetryBudgetConfig, RetryBudgetForm};
pub use rollout::{Arm, Rollout, RolloutConfig};
pub use shared_retry_budget::SharedRetryBudget;
pub use slack::Slack;
pub use wait_queue::{Departure, Fate, WaitKey, WaitQueue, WaitQueueConfig};
