//! Sends each call to one of several endpoints of a service: the less loaded of two, and none that misbehaves.
//!
//! - **Choice.** Of two endpoints taken by chance, the one whose expected cost is lower: its response time (a
//!   [mean](seawall_core::Ewma)), times the calls it would be among. Two choices are nearly as good as looking
//!   at all of them, and never send everybody to the same one (M. Mitzenmacher, *The Power of Two Choices in Randomized
//!   Load Balancing*, 2001). An endpoint that fails fast does not pass for a fast one.
//! - **Further attempts.** A retry or a hedge of a call goes to an endpoint where the call has not been, if there is one:
//!   where the same instance makes several attempts of a call, as [hedging](crate::hedge) does, or instances
//!   [for one call](Balance::for_one_call), each avoids the endpoints before.
//! - **Outlier ejection.** An endpoint that keeps failing is left alone for a while, up to a share of them; when too few
//!   are healthy, all are used ([`OutlierDetector`](seawall_core::OutlierDetector)).
//! - **Readiness.** An endpoint that is not ready is passed over for one that is. While none is, the call waits for
//!   whichever is first, for a change of the set, or for an ejected one to come back, and holds nothing else. At the
//!   deadline of its [`CallContext`](seawall_core::CallContext) it is refused.
//!
//! Endpoints are added, removed, ejected and looked at through the [`BalanceHandle`]; every service made with the same
//! handle shares what they have told.
//!
//! ```text
//! right: retry → balance → per endpoint [ circuit breaker → … ]    a retry may go to another endpoint
//! wrong: balance → per endpoint [ retry → … ]                      a retry meets the endpoint that has just failed
//! ```
//!
//! ```
//! use seawall_core::Error;
//! use seawall_tower::{Balance, BalanceConfig, BalanceHandle, Identity};
//! use tower::{ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let replica = |name: &'static str| {
//!     let answer = service_fn(move |()| async move { Ok::<_, Error>(name) });
//!     (name, answer)
//! };
//! let replicas = [replica("db-1"), replica("db-2")];
//! let handle = BalanceHandle::new(Identity::new("db"), &BalanceConfig::default(), replicas)?;
//! let db = Balance::new(handle.clone());
//! assert!(db.clone().oneshot(()).await?.starts_with("db-"));
//!
//! handle.remove("db-1");
//! assert_eq!(db.oneshot(()).await?, "db-2");
//! # Ok(())
//! # }
//! ```

mod been;
mod config;
mod endpoint;
pub mod future;
mod handle;
mod service;
mod visit;
mod waiting;

pub use config::BalanceConfig;
pub use handle::{BalanceHandle, EndpointStatus};
pub use service::Balance;

const STRATEGY: &str = "balance";
