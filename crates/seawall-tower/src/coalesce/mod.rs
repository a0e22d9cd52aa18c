//! Makes one call of many that ask for the same at the same time, and gives all of them its answer.
//!
//! A call whose key is that of a call under way joins it; any other becomes a call of its own. What is under way is
//! kept by key, and forgotten when it ends: this is no cache, and a call that comes later is made anew.
//!
//! - **A task of its own** runs the call, so a caller that gives up cancels nothing for the others. When the last one
//!   gives up, the call is cancelled.
//! - **Deadlines**: the call does not run under the first caller's deadline, because the others may have longer, but
//!   within [`CoalesceLayer::timeout`]. Each caller's wait is cut to its own deadline. Priority, idempotency, budget and
//!   the number of the attempt are the first caller's. When all give up at their deadlines, the call is dropped before
//!   its own, which counts for nothing in a circuit breaker within: give attempts there less time than callers have.
//! - **Errors** reach everybody who waits, so they have to be `Clone`: [`seawall_core::Error`] is. For another one, put
//!   `map_err` below this layer. A call that panics is an error to all who wait,
//!   [`Permanent`](seawall_core::FailureKind::Permanent).
//! - **Readiness**: the layer is always ready, since a call that joins another needs nothing of the inner service. That
//!   is asked for readiness in the task.
//!
//! Every service that a layer makes coalesces its own calls, and its clones do so with it. Two services that one
//! layer makes share nothing: the same key may mean something else to each.
//!
//! Coalesce only what may be answered to anybody who asks with this key: put into the key whatever the answer depends
//! on, the caller's rights too. A request without a key passes through.
//!
//! ```text
//! right: cache → coalesce → deadline → retry → circuit breaker    one call, retried once for all
//! wrong: concurrency limit → coalesce                             those who wait for one call take up all places
//! ```
//!
//! ```
//! use seawall_core::Error;
//! use seawall_tower::CoalesceLayer;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! static CALLS: AtomicU32 = AtomicU32::new(0);
//! let service = ServiceBuilder::new()
//!     .layer(CoalesceLayer::new(|user: &u64| Some(*user)))
//!     .service(service_fn(|user: u64| async move {
//!         CALLS.fetch_add(1, Ordering::Relaxed);
//!         tokio::task::yield_now().await;
//!         Ok::<_, Error>(format!("user {user}"))
//!     }));
//! let (one, other) = tokio::try_join!(service.clone().oneshot(7), service.oneshot(7))?;
//! assert_eq!((one.as_str(), other.as_str()), ("user 7", "user 7"));
//! assert_eq!(CALLS.load(Ordering::Relaxed), 1);
//! # Ok(())
//! # }
//! ```

mod flights;
pub mod future;
mod layer;
mod service;

pub use layer::CoalesceLayer;
pub use service::Coalesce;

use crate::time_limit::Words;

const STRATEGY: &str = "coalesce";

const WORDS: Words = Words {
    strategy: STRATEGY,
    ran_out: "the call took too long",
    too_late: "no answer before the deadline",
};
