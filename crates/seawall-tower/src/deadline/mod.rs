//! A time limit for a whole call: waiting for readiness, every attempt and every back-off included.
//!
//! The limit, or the earlier one of the [`CallContext`](seawall_core::CallContext) the call is made in, is the
//! context's deadline for everything within. A call that runs over is cut, and fails with
//! [`FailureKind::Timeout`](seawall_core::FailureKind::Timeout). One whose time is over already is refused without
//! touching the inner service, with [`FailureKind::Refused`](seawall_core::FailureKind::Refused): it says nothing about
//! the backend.
//!
//! ```text
//! right: deadline → retry → attempt timeout      all attempts together end in time
//! wrong: retry → deadline                        each attempt gets the whole time anew
//! ```
//!
//! Time spent in `poll_ready` counts. When it is used up, `poll_ready` says ready and `call` refuses, because an
//! error from `poll_ready` would end the service. What the inner service had reserved by then, such as its place in a
//! queue, is given back; for that it is `Clone`. Place a load balancer inside of this layer, not outside: it would
//! take an endpoint that is never ready for one that is.
//!
//! ```
//! use std::time::Duration;
//! use seawall_core::{Error, FailureKind};
//! use seawall_tower::DeadlineLayer;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let slow = ServiceBuilder::new()
//!     .layer(DeadlineLayer::new(Duration::from_secs(2)))
//!     .service(service_fn(|()| std::future::pending::<Result<(), Error>>()));
//! assert_eq!(slow.oneshot(()).await.unwrap_err().kind(), FailureKind::Timeout);
//! # }
//! ```

pub mod future;
mod layer;
mod service;

pub use layer::DeadlineLayer;
pub use service::Deadline;

use crate::time_limit::Words;

const WORDS: Words = Words {
    strategy: "deadline",
    ran_out: "the call ran out of time",
    too_late: "the deadline had passed before the call was made",
};
