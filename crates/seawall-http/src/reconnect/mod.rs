//! What streams that connect again have in common: how long they wait, and how they tell of gaps.

mod backoff;
mod config;
mod incoming;
mod outage;

pub(crate) use backoff::Backoff;
pub use config::ReconnectConfig;
pub use incoming::{Incoming, Reconnected};
pub(crate) use outage::Outage;
