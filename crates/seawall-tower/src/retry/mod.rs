//! Makes a failed call again: after a wait, if it may be repeated, while there is time, and as far as the budget goes.
//!
//! A failure is retried when all of this holds:
//! - its kind is [retryable](seawall_core::FailureKind::is_retryable); refusals of other layers never are;
//! - the call is idempotent, by its [`CallContext`](seawall_core::CallContext) or else by the backend's [`Replay`], or
//!   the backend certainly never began it;
//! - it has attempts left, and the wait ends before the context's deadline (should the inner service then not be ready
//!   in time, the error is the answer after all);
//! - the [`RetryBudget`](seawall_core::RetryBudget) pays: the context's own, or else the layer's. A retry after a timeout
//!   or an overload is withdrawn from it; after any other failure, which says nothing of load, it is borrowed. The more
//!   of [their time](RetryPolicy::attempt_timeout) answers take, the less is lent.
//!
//! The wait is the next of a [backon](https://docs.rs/backon) sequence, spread by [`Jitter`](seawall_core::Jitter); a
//! backend that says how long to wait ([`FailureKind::Overloaded`](seawall_core::FailureKind::Overloaded)) is obeyed
//! up to [`RetryConfig::max_retry_after`], and never asked again sooner than without its word. Each attempt sees its number in its context, and the inner service is polled
//! for readiness anew before each.
//!
//! ```text
//! right: deadline → retry → circuit breaker → attempt timeout
//! wrong: retry → retry                                          the inner one is in vain
//! ```
//!
//! Nested retries do not multiply. A retry whose call is part of an attempt of another Seawall retry (its context says
//! so) passes the call through, once, and leaves the decision and the budget to the outer one, which knows the whole
//! call; it still tells its observer of the attempt. So four attempts in four are four, not sixteen. A retry that makes
//! one attempt only, or has no copy of the request to send, does not count. Where you mean to multiply, say
//! [`RetryPolicy::within_retries`] to the inner one.
//!
//! [`RetryPolicy::reconfigure`] changes every knob of [`RetryConfig`] while calls are under way.
//!
//! ```
//! use seawall_core::{ByKind, Error, FailureKind, Idempotency};
//! use seawall_tower::{RetryConfig, RetryLayer, RetryPolicy};
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let calls = AtomicU32::new(0);
//! let policy = RetryPolicy::new(&RetryConfig::default())?.unspecified_is(Idempotency::Idempotent);
//! let answer = ServiceBuilder::new()
//!     .layer(RetryLayer::new(policy))
//!     .service(service_fn(|()| async {
//!         match calls.fetch_add(1, Ordering::Relaxed) {
//!             0 => Err(Error::new(FailureKind::Transient, "example", "flaky")),
//!             _ => Ok("at the second attempt"),
//!         }
//!     }))
//!     .oneshot(())
//!     .await?;
//! assert_eq!(answer, "at the second attempt");
//! # Ok(())
//! # }
//! ```

mod config;
mod course;
pub mod future;
mod knobs;
mod layer;
mod paid;
mod policy;
mod service;
mod settings;
mod shared;
mod tower_policy;

pub use config::RetryConfig;
pub use layer::RetryLayer;
pub use policy::RetryPolicy;
pub use service::Retry;

#[cfg(doc)]
use crate::Replay;

pub(crate) const STRATEGY: &str = "retry";
