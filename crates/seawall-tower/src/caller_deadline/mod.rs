//! On the server's side: work ends when its caller has no use for it any more.
//!
//! A caller that says in a header how long it will wait is believed: that becomes the deadline of the
//! [`CallContext`](seawall_core::CallContext) for everything within, so that what the handler asks of databases and of
//! other services ends in time too. When it has passed, the inner future is dropped, and the answer is 504 with a
//! [`DeadlinePassed`] among its extensions, for layers outside to look at. A caller that goes away needs no header:
//! servers drop the future of its request then (hyper does when an HTTP/1 connection closes, or an HTTP/2 stream is
//! reset), this layer drops the inner one, and so on down to whatever it waits for. What a handler spawns lives on; give
//! it `CallContext::current().scope(task)` for it to know the deadline at least.
//!
//! The header is one of [`DeadlineHeader`]; Seawall's HTTP client sends the same. What is no time is ignored, and none
//! is longer than [`at_most`](CallerDeadlineLayer::at_most). A caller can only have less time by it, never more than the
//! server gives anyway, so there is no harm in believing strangers.
//!
//! ```text
//! right: trace → caller deadline → load shed → handler    what is refused or late is seen, and nothing works in vain
//! wrong: buffer or queue → caller deadline                the time in the queue is not counted
//! ```
//!
//! ```
//! use std::convert::Infallible;
//! use http::{Request, Response, StatusCode};
//! use seawall_core::CallContext;
//! use seawall_tower::CallerDeadlineLayer;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Infallible> {
//! let service = ServiceBuilder::new().layer(CallerDeadlineLayer::new()).service(service_fn(|_: Request<()>| async {
//!     assert!(CallContext::current_deadline().is_some());
//!     std::future::pending::<Result<Response<String>, Infallible>>().await
//! }));
//! let request = Request::builder().header("grpc-timeout", "250m").body(()).unwrap();
//! assert_eq!(service.oneshot(request).await?.status(), StatusCode::GATEWAY_TIMEOUT);
//! # Ok(())
//! # }
//! ```

pub mod future;
mod header;
mod layer;
mod service;

use std::time::Duration;

pub use header::DeadlineHeader;
pub use layer::CallerDeadlineLayer;
pub use service::CallerDeadline;

/// Among the extensions of a 504 that was answered because the caller's deadline had passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadlinePassed {
    /// How long the caller said that it would wait.
    pub after: Duration,
}
