//! Integration tests of `seawall-telemetry`: against a real collector's wire, and through the public doors only.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod allocations;
mod collector;
mod config;
mod otlp;
mod prometheus;
mod shutdown;
mod stats;
