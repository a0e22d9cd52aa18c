//! Rate limits that depend on the request: on what it weighs, on whose it is.
//!
//! A service learns of the request in `call`, so this one is always ready, and waits in the future it returns: first for
//! its permits, then for its own clone of the inner service to be ready. While it waits it holds nothing of the inner
//! service; but nobody above it feels back-pressure, so it is for servers, or for a place below
//! [`RateLimit`](super::RateLimit).
//!
//! ```
//! use std::borrow::Cow;
//! use std::num::{NonZeroU32, NonZeroUsize};
//! use seawall_core::{Error, RateLimitConfig};
//! use seawall_tower::rate_limit::by_request::{ByKey, RequestRateLimitLayer};
//! use seawall_tower::{Identity, KeyedRateLimiterHandle};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! struct Request { tenant: String }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = RateLimitConfig { burst: NonZeroU32::MIN, max_wait: None, ..RateLimitConfig::default() };
//! let tenants = KeyedRateLimiterHandle::new(
//!     Identity::new("tenants"),
//!     &config,
//!     const { NonZeroUsize::new(10_000).unwrap() },
//! )?;
//! let by_tenant = ByKey::new(tenants, |request: &Request| Cow::Borrowed(request.tenant.as_str()));
//! let service = ServiceBuilder::new()
//!     .layer(RequestRateLimitLayer::new(by_tenant))
//!     .service(service_fn(|_: Request| async { Ok::<_, Error>(()) }));
//!
//! let request = |tenant: &str| Request { tenant: tenant.to_owned() };
//! assert!(service.clone().oneshot(request("one")).await.is_ok());
//! assert!(service.clone().oneshot(request("one")).await.is_err());
//! assert!(service.oneshot(request("other")).await.is_ok());
//! # Ok(())
//! # }
//! ```

mod charge;
pub mod future;
mod layer;
mod service;

pub use charge::{ByCost, ByKey, Charge};
pub use layer::RequestRateLimitLayer;
pub use service::RequestRateLimit;
