//! Sends a call a second time when the first attempt is slower than most, and takes the first acceptable answer.
//!
//! The rules are [`seawall_core::Hedge`]'s, after "The Tail at Scale" (J. Dean, L. A. Barroso, CACM 56(2), 2013); their
//! state lives in a [`HedgeHandle`]. All layers made with the same handle share response times and budget: make one
//! handle per backend.
//!
//! - **When**: after the 95th percentile of the recent response times, so the delay follows the backend. Nothing is
//!   hedged while too few are known, nor when the delay would end after the context's deadline.
//! - **What**: only calls that are idempotent, by their [`CallContext`](seawall_core::CallContext) or else by the
//!   backend's [`Replay`], and whose request can be copied.
//! - **How much**: a twentieth of all calls. If the context or the layer has a shared
//!   [`RetryBudget`](seawall_core::RetryBudget), that pays too, so retries and hedges together stay within it. It gets
//!   its cost back if the hedge answers first; it is fed by the first tries of a retry layer that shares it.
//!   An attempt that times out, or is told that the backend is overloaded, costs as much as a hedge: under overload nothing
//!   is left for hedges.
//! - **Which answer**: the first success. A failure does not win while another attempt is under way, unless it is
//!   [`Permanent`](seawall_core::FailureKind::Permanent): then the other would fail the same. If all fail, the caller
//!   gets the first failure that is not a refusal. It says that nothing was executed only if that is so of all attempts.
//! - **The loser** is dropped, which cancels it. Its late answer counts for nothing, neither here nor in layers below.
//!
//! - **Where**: around a [balance](crate::balance), a hedge goes to another endpoint than the first attempt.
//!
//! A first attempt that fails before its delay is not hedged: to repeat failures is the work of [retry](crate::retry),
//! which waits first. A hedge is sent only through an inner service that is ready within another delay; the first
//! attempt never waits for it. Once any attempt is refused, or told that the backend is overloaded, the call sends no
//! further hedge.
//!
//! ```text
//! right: deadline → hedge → circuit breaker → attempt timeout    each attempt is counted, and cut, by itself
//! right: deadline → retry → hedge → circuit breaker              failures wait, slowness does not
//! right: deadline → retry → hedge → balance → circuit breaker    what is slow is hedged elsewhere
//! wrong: hedge → retry                                           the hedge repeats all of the retries
//! wrong: concurrency limit → hedge                               two attempts in the place of one
//! ```
//!
//! ```
//! use std::time::Duration;
//! use seawall_core::{CallContext, Error, HedgeConfig, Idempotency};
//! use seawall_tower::{HedgeHandle, HedgeLayer, Identity};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = HedgeConfig { fixed_delay: Some(Duration::from_millis(20)), ..HedgeConfig::default() };
//! let answer = ServiceBuilder::new()
//!     .layer(HedgeLayer::new(HedgeHandle::new(Identity::new("search"), &config)?).unspecified_is(Idempotency::Idempotent))
//!     .service(service_fn(|()| async {
//!         // The first attempt meets a straggler.
//!         match CallContext::current().attempt_number() {
//!             1 => std::future::pending().await,
//!             attempt => Ok::<_, Error>(attempt),
//!         }
//!     }))
//!     .oneshot(())
//!     .await?;
//! assert_eq!(answer, 2);
//! # Ok(())
//! # }
//! ```

mod first;
pub mod future;
mod handle;
mod layer;
mod race;
mod service;
mod settings;

pub use handle::HedgeHandle;
pub use layer::HedgeLayer;
pub use service::Hedge;
pub(crate) use settings::Settings as HedgeSettings;

#[cfg(doc)]
use crate::Replay;

const STRATEGY: &str = "hedge";
