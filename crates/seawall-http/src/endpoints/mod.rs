//! Several base addresses for one logical service.

mod address;
mod config;
mod health;
mod probe;
mod set;
#[cfg(test)]
mod tests;

pub use config::{EndpointsConfig, HealthConfig};
pub use set::Endpoints;
