//! The cache as a tower layer: a service's responses are kept, and one call answers all who miss at the same time.
//!
//! Everything that holds of [`Cache::get_or_load`](crate::Cache::get_or_load) holds here:
//!
//! - **Single-flight**: however many calls miss, one goes to the service, in a task of its own. A caller that gives up,
//!   at its [`CallContext`](seawall_core::CallContext) deadline or by being dropped, stops nothing.
//! - **Stale while it is renewed, and if that fails**: by the [`Ttl`](crate::Ttl).
//! - **Tags and the second tier**: by the [`TimeToLive`](crate::TimeToLive) and the cache.
//! - **Failures are never kept.** They reach all who wait as they are.
//!
//! The layer is always ready, because a hit needs nothing of the service. That is asked for readiness in the task of
//! a miss. A request without a key passes through.
//!
//! What is kept is up to the cache. [`Cache`](crate::Cache) holds JSON: responses go through serde, and what is not part of
//! that form is lost, for the caller that missed too. `Cache<K, Response>` holds responses as they are, by keys of any type,
//! and a hit clones one: they need no serde, unless it has a second tier, into which they go as the codec that was given
//! with it writes them. Errors go through [`seawall_core::Error`], so that everybody who waits can have a copy:
//! the service's error type is made from it, and one that is something else already becomes its source.
//!
//! Keys are those of the cache, shared with everybody who uses it: `cache.remove("user:1")` is how an answer is
//! invalidated. Put into the key whatever the answer depends on, the caller's rights too. Keys are shown nowhere:
//! errors and events carry the layer's [`name`](CacheLayer::name).
//!
//! ```text
//! right: fallback → cache → deadline → retry → circuit breaker    a hit needs none of them
//! wrong: circuit breaker → cache                                  an open circuit refuses what the cache has
//! ```
//!
//! ```
//! use std::time::Duration;
//! use seawall_cache::{Cache, CacheConfig, CacheLayer, Ttl};
//! use seawall_core::Error;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::new(&CacheConfig::default())?;
//! let ttl = Ttl::fresh(Duration::from_secs(60)).stale(Duration::from_secs(300));
//! let users = ServiceBuilder::new()
//!     .layer(CacheLayer::new(cache.clone(), ttl, |id: &u64| Some(format!("user:{id}"))).name("users"))
//!     .service(service_fn(|id: u64| async move { Ok::<_, Error>(format!("user number {id}")) }));
//!
//! assert_eq!(users.clone().oneshot(7).await?, "user number 7");
//! assert_eq!(users.oneshot(7).await?, "user number 7");
//! assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! With keys and values of one type, and another codec than JSON for those that processes share:
//!
//! ```
//! # use std::sync::Arc;
//! # use std::time::Duration;
//! # use seawall_core::Error;
//! # use tower::{Layer, ServiceExt, service_fn};
//! use seawall_cache::{Cache, CacheLayer, Postcard, SecondTier};
//!
//! # async fn f(redis: Arc<dyn SecondTier>) -> Result<(), Box<dyn std::error::Error>> {
//! let cache: Cache<u64, String> = Cache::builder("users").second_tier(redis, Postcard).build()?;
//! let users = CacheLayer::new(cache, Duration::from_secs(60), |id: &u64| Some(*id))
//!     .layer(service_fn(|id: u64| async move { Ok::<_, Error>(format!("user number {id}")) }));
//! assert_eq!(users.oneshot(7).await?, "user number 7");
//! # Ok(()) }
//! ```

pub mod future;
mod layer;
mod service;

pub use layer::CacheLayer;
pub use service::Cached;
