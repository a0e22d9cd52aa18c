#![doc = include_str!("../README.md")]

mod context;
mod duration;
mod epoch;
mod error;
mod event;
mod failure;
mod priority;
mod refusal;
mod retry_budget;

pub use context::{CallContext, Idempotency, Scoped};
pub use duration::friendly_duration;
pub use epoch::Epoch;
pub use error::{BoxError, Error};
pub use event::{Event, Observer, Origin};
pub use failure::{ByKind, Classify, Failure, FailureKind, Outcome};
pub use priority::Priority;
pub use refusal::Refusal;
pub use retry_budget::{RetryBudget, RetryBudgetConfig, SharedRetryBudget};
