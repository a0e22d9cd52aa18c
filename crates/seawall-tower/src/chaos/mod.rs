//! Injects faults on purpose, so that everything outside of it can be seen to bear them: answers that come late, errors,
//! calls that never end, and answers that are lost after the call was carried out.
//!
//! What is injected into how many calls is said by a [`ChaosConfig`](seawall_core::ChaosConfig), which is off until it
//! is enabled; a [`ChaosHandle`] switches and changes it at run time. Chance comes from a seed
//! ([`ChaosHandle::seeded`]): the same calls in the same order meet the same faults. While nothing is to be injected, the
//! layer costs one atomic read.
//!
//! - *Latency*: the call is made at once and its answer held back, as by a slow network. A time limit outside therefore
//!   cuts a call that may have been carried out.
//! - *Error*: the call is not made. It fails by the configured kind, as one that was not executed.
//! - *Hang*: the call is not made and never ends. Only a time limit outside ends it.
//! - *Loss*: the call is made and its answer thrown away. It fails as transient, as one that may have been executed: what
//!   tells whether retries are idempotent.
//!
//! An error or a hang gives back what the inner service reserved for the call; for that it is `Clone`.
//!
//! ```text
//! right: retry → circuit breaker → attempt timeout → chaos    everything outside takes the faults for the backend's
//! wrong: chaos → retry → …                                    the faults meet nothing that could bear them
//! ```
//!
//! ```
//! use seawall_core::{ChaosConfig, Error, FailureKind};
//! use seawall_tower::{ChaosHandle, ChaosLayer, Identity};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = ChaosConfig { error_rate: 1.0, ..ChaosConfig::default() };
//! let chaos = ChaosHandle::seeded(Identity::new("billing"), &config, 7)?;
//! let service = ServiceBuilder::new()
//!     .layer(ChaosLayer::new(chaos.clone()))
//!     .service(service_fn(|()| async { Ok::<_, Error>(()) }));
//! assert!(service.clone().oneshot(()).await.is_ok());
//!
//! chaos.enable();
//! assert_eq!(service.oneshot(()).await.unwrap_err().kind(), FailureKind::Transient);
//! # Ok(())
//! # }
//! ```

pub mod future;
mod handle;
mod layer;
mod service;

pub use handle::ChaosHandle;
pub use layer::ChaosLayer;
pub use service::Chaos;

const STRATEGY: &str = "chaos";
