//! Holds the calls under way to a limit, fixed or learnt, and has the others wait in a queue that knows what matters.
//!
//! The limit is a [`seawall_core::Limit`]: it follows what the backend can bear, told by timeouts and overload, and goes
//! below one call at a time when it must. The queue is a [`seawall_core::WaitQueue`]: bounded, by the priority of the
//! [`CallContext`](seawall_core::CallContext), cut to its deadline, newest first under pressure. Both live in a
//! [`ConcurrencyLimitHandle`]; every service made with the same handle shares them: make one handle per endpoint.
//!
//! - A permit is taken when the service is polled for readiness, before the inner service is, and given back as soon as
//!   the inner future is ready or dropped: however long the response future or the response itself is kept. So a body
//!   that streams is not covered; hold a [`Reservation`] for as long as it does, or limit what consumes it.
//! - A permit that comes free goes to who is next, and nobody gets in past those who wait. A service that is ready and
//!   not called keeps its permit until it is dropped: drop what you do not call.
//! - Who is not let in is refused with [`FailureKind::Refused`](seawall_core::FailureKind::Refused): when the queue is
//!   full, when it waited too long, and when its deadline passed. That is no time-out: our own queue never counts
//!   against the backend.
//! - Below a limit of 1 calls go one at a time, with [pauses](seawall_core::Limit::pace) in between. A pause is part of
//!   the wait: a call for which it is too long is refused at once, and told when it is over. Whose turn it is at the end
//!   of a pause is settled then. A critical call does not wait for it, as long as no more is owed than
//!   two of the longest pauses ([`max_pause`](seawall_core::LimitConfig::max_pause)), or one since the backend was
//!   overloaded last; and a high one as long as it is no more than half of one. What they owe is waited for by the others,
//!   and shrinks as the limit grows.
//! - A call that is dropped after the deadline of its context counts as a timeout; any other that is dropped says
//!   nothing.
//!
//! ```text
//! right: retry → circuit breaker → concurrency limit → rate limit → attempt timeout
//! wrong: concurrency limit → retry                    a call holds its permit while it backs off
//! wrong: attempt timeout → concurrency limit          the time in the queue counts as the backend's
//! ```
//!
//! ```
//! use std::num::NonZeroU32;
//! use seawall_core::Error;
//! use seawall_tower::{ConcurrencyLimitConfig, ConcurrencyLimitHandle, ConcurrencyLimitLayer, Identity};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // `ConcurrencyLimitConfig::default()` is adaptive.
//! let ten = ConcurrencyLimitConfig::fixed(NonZeroU32::new(10).unwrap());
//! let limit = ConcurrencyLimitHandle::new(Identity::new("billing"), &ten)?;
//! let mut service = ServiceBuilder::new()
//!     .layer(ConcurrencyLimitLayer::new(limit.clone()))
//!     .service(service_fn(|()| async { Ok::<_, Error>(()) }));
//! service.ready().await?;
//! assert_eq!(limit.in_flight(), 1);
//! drop(service);
//! assert_eq!(limit.in_flight(), 0);
//! # Ok(())
//! # }
//! ```

mod config;
pub mod future;
mod gate;
mod handle;
mod layer;
mod patience;
mod permit;
mod places;
mod platform;
mod reservation;
mod seat;
mod service;
mod spacing;
mod waiter;
mod waiting;

pub use config::ConcurrencyLimitConfig;
pub use handle::ConcurrencyLimitHandle;
pub use layer::ConcurrencyLimitLayer;
pub use permit::Permit;
pub use reservation::Reservation;
pub use service::ConcurrencyLimit;
use waiting::Waiting;

const STRATEGY: &str = "concurrency_limit";
