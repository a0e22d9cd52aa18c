//! Stops calling a backend that does not work, and finds out when it works again.
//!
//! The rules are [`seawall_core::CircuitBreaker`]'s; its state lives in a [`CircuitBreakerHandle`], which operators
//! switch at run time. Every service made with the same handle shares one circuit: make one handle per endpoint.
//!
//! The circuit decides before the inner service is polled. An open one is ready and refuses in `call`, so a backend
//! that is never ready cannot hide it, and nothing of the inner service is reserved for a call that is refused.
//!
//! ```text
//! right: retry → circuit breaker → attempt timeout    each attempt is counted, time-outs too
//! wrong: circuit breaker → retry                      four failures look like one
//! ```
//!
//! ```
//! use seawall_core::{CircuitBreakerConfig, Error, FailureKind};
//! use seawall_tower::{CircuitBreakerHandle, CircuitBreakerLayer, Identity};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let breaker = CircuitBreakerHandle::new(Identity::new("billing"), &CircuitBreakerConfig::default())?;
//! let service = ServiceBuilder::new()
//!     .layer(CircuitBreakerLayer::new(breaker.clone()))
//!     .service(service_fn(|()| async { Ok::<_, Error>(()) }));
//! assert!(service.clone().oneshot(()).await.is_ok());
//!
//! breaker.force_open();
//! assert_eq!(service.oneshot(()).await.unwrap_err().kind(), FailureKind::Refused);
//! # Ok(())
//! # }
//! ```

pub mod future;
mod gate;
mod handle;
mod layer;
mod service;
mod ticket;

pub use handle::CircuitBreakerHandle;
pub use layer::CircuitBreakerLayer;
pub use service::CircuitBreaker;

const STRATEGY: &str = "circuit_breaker";
