//! A cache of responses by the rules of HTTP: RFC 9111, with the stale times of RFC 5861.
//!
//! - **Validated**: what is past its time and has an `ETag` or a `Last-Modified` is asked for on condition; a 304 renews
//!   what is stored.
//! - **Variants**: responses that `Vary` tells apart are kept side by side, the newest of them.
//! - **Single-flight**: however many calls miss, one goes to the origin, in a task of its own. A caller that gives up, at
//!   its [`CallContext`](seawall_core::CallContext) deadline or by being dropped, stops nothing. An answer that is for one
//!   caller only lets the others through together, and the URL is remembered for a while, so that calls for it do not
//!   wait for each other at all.
//! - **Stale while it is renewed, and in place of errors**: where the response or the configuration says so, and nothing
//!   forbids it.
//! - **Invalidated**: a request that is not safe forgets its URL, and those of the same origin that its response names in
//!   `Location` and `Content-Location`. What was being fetched meanwhile is not stored.
//! - **Bounded in bytes**: by `capacity`, and each body by `max_body`. A larger one goes through to its caller.
//! - **Never half a body**: one that breaks off, or is not as long as it said, is not stored.
//!
//! A request's `Cache-Control` is honoured: `no-cache`, `no-store`, `max-age`, `min-fresh`, `max-stale`, `stale-if-error`,
//! and `only-if-cached`, which answers 504 when nothing is stored. Requests for a `Range` pass through. Every answer says
//! in `Cache-Status` (RFC 9211) what the cache did, and one that was stored has an `Age`.
//!
//! It is shared by default: nothing `private`, and nothing fetched with credentials unless the origin says that it may be
//! shared. A private one is of one user, and tells users apart by their credentials and cookies all the same.
//!
//! Time is counted by the wall clock, because the origin's dates are. A clock that was set back makes answers older.
//!
//! The layer is always ready, because a hit needs nothing of the service. That is asked for readiness in the task of a
//! fetch.
//!
//! ```text
//! right: cache → deadline → retry → circuit breaker → I/O    a hit needs none of them
//! wrong: circuit breaker → cache                             an open circuit refuses what is stored
//! ```
//!
//! [`HttpConfig::cache`](crate::HttpConfig::cache) puts one around a client. Or, around any service:
//!
//! ```
//! use http::{Request, Response};
//! use seawall_core::Error;
//! use seawall_http::http_cache::{HttpCacheConfig, HttpCacheHandle, HttpCacheLayer};
//! use seawall_http::{Body, Http};
//! use seawall_tower::Identity;
//! use tower::service_fn;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = HttpCacheHandle::new(Identity::new("api"), &HttpCacheConfig::default())?;
//! let origin = service_fn(async |_: Request<Body>| {
//!     let response = Response::builder().header("cache-control", "max-age=60");
//!     Ok::<_, Error>(response.body(Body::from("hello")).expect("it is a response"))
//! });
//! let http = Http::from_service(origin).layer(HttpCacheLayer::new(cache.clone()));
//!
//! for _ in 0..2 {
//!     let response = http.get("https://example.com/").send().await?;
//!     assert_eq!(response.into_body().text(100).await?, "hello");
//! }
//! assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
//! # Ok(()) }
//! ```

mod cache_status;
mod config;
mod fetch;
mod fill;
mod flights;
pub mod future;
mod handle;
mod invalidation;
mod layer;
mod pages;
mod passage;
mod rules;
mod seeker;
mod service;
mod shared;
mod stored;

use std::time::Duration;

pub use config::{CacheScope, HttpCacheConfig};
pub use handle::{HttpCacheHandle, HttpCacheStats};
pub use layer::HttpCacheLayer;
pub use service::HttpCache;

const STRATEGY: &str = "http_cache";

/// Longer than any process lives, and far from the end of what a clock can hold.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);
