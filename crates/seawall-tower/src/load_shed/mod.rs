//! Refuses a call at once when the inner service is not ready for it, in place of letting it wait.
//!
//! The layer is always ready. What it guards must say by its readiness that it has no room: a concurrency limit, a
//! buffer, a balance. A refusal is [`FailureKind::Refused`](seawall_core::FailureKind::Refused): the call was not made,
//! and no Seawall retry outside makes it again.
//!
//! ```text
//! right: load shed → concurrency limit     what finds no place is refused
//! wrong: load shed → buffer → limit        a buffer is ready until it is full: calls wait, and only then are refused
//! wrong: retry → load shed → …             each retry knocks again: shed once, outside
//! ```
//!
//! A call that this layer refuses never gets into the queue of a [`ConcurrencyLimit`](crate::ConcurrencyLimit) within.
//! Where some waiting is right, leave this layer out and bound that queue instead.
//!
//! It differs from `tower::load_shed` in two ways that matter to services that live for long:
//! - A task that has used up tokio's cooperative budget sees everything of tokio's as not ready. This layer asks once
//!   more beyond the budget, so it never mistakes a busy task for a busy backend; a refusal then yields to the runtime.
//! - A clone that was refused leaves the inner service's queue. It would otherwise be handed the next free place and
//!   keep it, idle, while others are refused. For that the inner service is `Clone`.
//!
//! ```
//! use seawall_core::{Error, FailureKind};
//! use seawall_tower::LoadShedLayer;
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let mut service = ServiceBuilder::new()
//!     .layer(LoadShedLayer::new())
//!     .concurrency_limit(1)
//!     .service(service_fn(|()| async { Ok::<_, Error>("done") }));
//! let under_way = service.ready().await?.call(());
//! let refused = service.clone().oneshot(()).await.unwrap_err();
//! assert_eq!(refused.kind(), FailureKind::Refused);
//! assert_eq!(under_way.await?, "done");
//! # Ok(())
//! # }
//! ```

pub mod future;
mod layer;
mod service;

pub use layer::LoadShedLayer;
pub use service::LoadShed;

const STRATEGY: &str = "load_shed";
const REASON: &str = "the service is at its capacity";
