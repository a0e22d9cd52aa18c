//! Answers in place of a failure: a [`value`], a [`function`] of the failure, a [function of the
//! request](with_request), or another [`service`].
//!
//! Which failures: every one that the [`Classify`](seawall_core::Classify) of the layer finds, refusals and time-outs
//! too, but not
//! - [`Cancelled`](seawall_core::FailureKind::Cancelled), never: nobody waits for the answer;
//! - [`Permanent`](seawall_core::FailureKind::Permanent), unless [`FallbackLayer::when`] says so: "no such user" and "no
//!   right to" are answers, which a default would hide. (Polly and resilience4j take every exception for a failure;
//!   `when(|_| true)` does the same.)
//!
//! A fallback that fails itself leaves the caller with the failure it was for, which is the one to look into; only a
//! function may put another error in its place. Errors of `poll_ready` pass through, as they end the service.
//!
//! The request is copied only where the fallback needs it, and a fallback service is readied only when it is called.
//! That wait and its call end at the deadline of the [`CallContext`](seawall_core::CallContext), with the failure.
//!
//! ```text
//! right: fallback → deadline → retry → circuit breaker    answers when all of them have given up
//! wrong: retry → fallback → circuit breaker               the first failure is hidden, so nothing is ever tried again
//! wrong: deadline → fallback                              when time is up, there is none left for the fallback service
//! ```
//!
//! ```
//! use seawall_core::{Error, FailureKind};
//! use seawall_tower::fallback::{self, FallbackLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let rates = ServiceBuilder::new()
//!     .layer(FallbackLayer::new(fallback::value(1.08)))
//!     .service(service_fn(|_currency: &str| async {
//!         Err::<f64, _>(Error::new(FailureKind::Transient, "http", "rates"))
//!     }));
//! assert_eq!(rates.oneshot("EUR").await?, 1.08);
//! # Ok(())
//! # }
//! ```

mod action;
pub mod future;
mod layer;
mod other_service;
mod service;

pub use action::{
    FallbackAction, FallbackFunction, FallbackValue, FallbackWithRequest, function, value, with_request,
};
pub use layer::FallbackLayer;
pub use other_service::{FallbackService, FallbackServiceFuture, service};
pub use service::Fallback;

const STRATEGY: &str = "fallback";
