//! The demo's counterpart: a small exchange on a loopback port that serves tick data over HTTP/1.1, and fails on
//! purpose.
//!
//! Everything follows from the seed: the data, and what goes wrong with the n-th request of each path. It is written
//! on raw TCP because an HTTP library would not let it reset a connection in the middle of a body.

pub(crate) mod checksum;
mod connection;
mod faults;
mod market;
mod range;
mod request;
mod response;
mod server;
mod tick;

#[cfg(test)]
mod tests;

pub(crate) use faults::FaultLevel;
pub(crate) use server::{Exchange, ExchangeConfig, Sent};
