#![doc = include_str!("../README.md")]

mod config;
mod delivery;
mod durations;
mod histogram;
mod log_events;
mod logging;
mod measures;
mod meters;
pub mod names;
mod otlp;
mod registry;
mod series;
mod shutdown;
mod stats;
mod telemetry;
mod traces;

pub use config::{OtlpConfig, TelemetryConfig};
pub use delivery::DeliveryStats;
pub use logging::{LogConfig, LogFormat, LogHandle, LoggingError};
/// The very `OpenTelemetry` that [`Telemetry::meter`] speaks. It breaks compatibility twice a year: use it through
/// here, and no other signature of Seawall shows its types.
pub use opentelemetry;
pub use shutdown::Unflushed;
pub use stats::{CircuitStats, DurationStats, OutcomeCounts, StatsSnapshot, TargetStats};
pub use telemetry::Telemetry;
pub use traces::{continue_trace, inject_trace};
