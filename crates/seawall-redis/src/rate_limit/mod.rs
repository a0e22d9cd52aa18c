//! A rate limit that all processes share: GCRA in one script, by the server's clock.
//!
//! The server keeps one number for each key, the theoretical arrival time of the next unit (the generic cell rate
//! algorithm, ITU-T I.371; B. Wilson, "Rate limiting, cells, and GCRA", 2013). It reads its own clock, so the clocks of
//! clients do not matter, and forgets a key once its limit is whole again.
//!
//! A key that was refused is refused in memory until it is worth asking again, so that a client that is far over its
//! limit costs the server nothing. Of a busy key a process may take units by the block, and spend them without asking:
//! [`SharedRateLimitConfig`] says by how much the limit may be exceeded then. A server that does not answer in time decides
//! nothing: [`OnOutage`] does.

mod config;
mod decision;
pub(crate) mod future;
mod keys;
mod layer;
mod limiter;
mod script;
mod service;

pub use config::{OnOutage, SharedRateLimitConfig};
pub use decision::{DecidedBy, Decision};
pub use layer::SharedRateLimitLayer;
pub use limiter::SharedRateLimiter;
pub use service::SharedRateLimit;

const STRATEGY: &str = "shared_rate_limit";
