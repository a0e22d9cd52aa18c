//! What Seawall's own tests stand on: real servers made for one test, and neighbours that misbehave on purpose.
//!
//! Not published; a dev-dependency of every crate above `seawall-core`.

pub mod hostile;
pub mod proxy;
pub mod servers;
pub mod tls;
