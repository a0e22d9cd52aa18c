//! Lets calls start at a limited rate, first come, first served.
//!
//! The rules are [`seawall_core::RateLimiter`]'s: permits come in evenly, some are saved up, and in no stretch of time
//! more are given than the burst and what came in. Calls start as they get theirs, unless they then have to wait for the
//! inner service: those that it holds up may start together. The limiter's state lives in a [`RateLimiterHandle`]; all
//! services made with the same handle share it, however often a router calls `layer`.
//!
//! **Waiting.** A call that finds no permit waits in line. Each waits for its own turn, so calls start one by one, in the
//! order in which they came, and nobody overtakes them. The permit comes first and the inner service is polled then:
//! what waits for its turn holds nothing that others could use. A call is refused at once, and told how long the wait
//! would be, when that is longer than `max_wait` or than the deadline of its
//! [`CallContext`](seawall_core::CallContext), or when too many wait already.
//!
//! **Permits** are taken when the service becomes ready, kept until `call`, and given back when the service is dropped
//! before. So a ready service that is kept and not called, as servers keep them for idle connections, holds a permit.
//! What limits by the request, by its weight or its key, cannot know it in `poll_ready` and waits in the call:
//! [`by_request`].
//!
//! **Retry-After.** A result that its classifier finds [`Overloaded`](seawall_core::FailureKind::Overloaded) with a
//! `retry_after` pauses the limiter: no permit is given until then, and afterwards calls start again one by one. Calls
//! that hold their permits already may start during the pause.
//!
//! ```text
//! right: retry → circuit breaker → rate limit → attempt timeout    each attempt takes a permit; an open circuit takes none
//! wrong: rate limit → retry                                        one permit, three calls
//! wrong: attempt timeout → rate limit                              waiting for a turn counts as the backend's slowness
//! ```
//!
//! ```
//! use std::num::NonZeroU32;
//! use seawall_core::{Error, FailureKind, RateLimitConfig};
//! use seawall_tower::{Identity, RateLimitLayer, RateLimiterHandle};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let one = NonZeroU32::MIN;
//! let config = RateLimitConfig { limit: one, burst: one, max_wait: None, ..RateLimitConfig::default() };
//! let limiter = RateLimiterHandle::new(Identity::new("billing"), &config)?;
//! let service = ServiceBuilder::new()
//!     .layer(RateLimitLayer::new(limiter.clone()))
//!     .service(service_fn(|()| async { Ok::<_, Error>(()) }));
//! assert!(service.clone().oneshot(()).await.is_ok());
//!
//! let refused = service.oneshot(()).await.unwrap_err();
//! assert_eq!(refused.kind(), FailureKind::Refused);
//! assert!(refused.retry_after().unwrap().as_secs_f64() <= 1.0);
//! # Ok(())
//! # }
//! ```

pub mod by_request;
pub mod future;
mod handle;
mod keyed;
mod lane;
mod layer;
mod line;
mod service;
mod turn;

// The tests give the lane the atomics of a model checker in their place.
use std::sync::atomic;

pub use handle::RateLimiterHandle;
pub use keyed::KeyedRateLimiterHandle;
pub use layer::RateLimitLayer;
use seawall_core::{FailureKind, Outcome};
pub use service::RateLimit;

const STRATEGY: &str = "rate_limit";

/// A backend that says for how long it wants to be left alone is left alone.
fn heed(limiter: &RateLimiterHandle, outcome: Outcome) {
    if let Some(FailureKind::Overloaded { retry_after: Some(wait) }) = outcome.failure_kind() {
        limiter.pause(wait);
    }
}
