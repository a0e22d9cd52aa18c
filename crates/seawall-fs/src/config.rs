use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use seawall_core::{CircuitBreakerConfig, InvalidConfig, RetryBudgetConfig};
use seawall_tower::{PipelineConfig, RetryConfig};
use serde::{Deserialize, Serialize};

/// Configuration of an [`Fs`](crate::Fs).
///
/// | field | default | meaning |
/// |---|---|---|
/// | `target` | `"local"` | what the circuit breaker and the telemetry call these files |
/// | `concurrency` | 64 | the most operations under way at once; further ones wait their turn |
/// | `tiers` | `"auto"` | where operations are done: [`Tiers`] |
/// | `chunk_size` | 262144 (256 KiB) | bytes per chunk of a stream, and bytes a writer gathers |
/// | `bytes_per_second` | `"off"` | how much is read and written in a second |
/// | `spans` | `false` | whether each operation has a span of its own, with its path |
/// | `deadline` | `"off"` | the time of a whole operation, retries included |
/// | `retry` | [`RetryConfig`] | how failed operations are repeated |
/// | `retry_budget` | [`RetryBudgetConfig`] | how much repeating is spared |
/// | `circuit_breaker` | [`CircuitBreakerConfig`] | when operations are refused at once |
///
/// There is no time limit by default, because how long a file may take depends on its size; the deadline of
/// the call's context holds all the same.
///
/// Give every mount its own `Fs` with its own `target`: then a network share that hangs opens its own circuit
/// and fills its own slots, and the local disk is not made to wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FsConfig {
    /// What the circuit breaker and the telemetry call these files. Hold no secret in it.
    pub target: String,
    /// The most operations under way at once, and so the most threads, which belong to this client and are started
    /// when there is need. A quarter of them, up to 16, is for what waits until the disk has written.
    pub concurrency: NonZeroUsize,
    /// Where operations are done. What they do is the same.
    pub tiers: Tiers,
    /// Bytes per chunk of a stream, and bytes a writer gathers while its previous write is under way.
    pub chunk_size: NonZeroUsize,
    /// How many bytes are read and written in a second, all together; what else is asked of files costs nothing. A tenth
    /// of a second's worth may come at once. What is written is paid for before, in its turn and by the deadline or not
    /// at all; what a read has brought, by those who come next; a stream, by each chunk. `None` (`"off"`) is no limit.
    #[serde(with = "seawall_core::or_off")]
    pub bytes_per_second: Option<NonZeroU32>,
    /// Whether each operation has a span of `tracing`, with its name, its path and how it failed. A span that nobody would
    /// record is not made. What is told to the observer, and so every metric, is the same either way, without paths.
    pub spans: bool,
    /// The time of a whole operation, retries included. Above zero; `None` (`"off"`) is no limit of its own.
    /// What a writer or a stream does after it was opened is under no limit but that of the call's context.
    #[serde(with = "seawall_core::or_off::duration")]
    pub deadline: Option<Duration>,
    /// How failed operations are repeated.
    pub retry: RetryConfig,
    /// How much repeating is spared.
    pub retry_budget: RetryBudgetConfig,
    /// When operations are refused at once.
    pub circuit_breaker: CircuitBreakerConfig,
}

/// Where a client does what it is asked for. Every choice gives the same answers; they differ in speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tiers {
    /// In the caller's task if the page cache has the answer, which is found out without ever waiting for a device
    /// (Linux, on file systems of this machine); else on a thread.
    #[default]
    Auto,
    /// Always on a thread.
    Threads,
    /// Reads of open files by `io_uring`, as far as the system lets us have it and this crate is built with its feature
    /// `uring`; else on a thread. `auto` uses it, too, where it wins: for reads that have to wait for the device, eight
    /// and more at a time. This is for measuring and testing.
    Uring,
}

impl Default for FsConfig {
    fn default() -> Self {
        Self {
            target: "local".to_owned(),
            concurrency: const { NonZeroUsize::new(64).unwrap() },
            tiers: Tiers::Auto,
            chunk_size: const { NonZeroUsize::new(256 * 1024).unwrap() },
            bytes_per_second: None,
            spans: false,
            deadline: None,
            retry: RetryConfig::default(),
            retry_budget: RetryBudgetConfig::default(),
            circuit_breaker: CircuitBreakerConfig::default(),
        }
    }
}

impl FsConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        self.pipeline().validate()
    }

    /// The part that is the pipeline's. No time limit of an attempt: work on a thread cannot be stopped, so
    /// cutting an attempt short and making another would only double the work. No limit to learn either: a disk says
    /// nothing of overload, and `concurrency` is the limit.
    pub(crate) fn pipeline(&self) -> PipelineConfig {
        PipelineConfig {
            deadline: self.deadline,
            attempt_timeout: None,
            retry: self.retry.clone(),
            retry_budget: self.retry_budget.clone(),
            circuit_breaker: self.circuit_breaker.clone(),
            concurrency_limit: None,
            ..PipelineConfig::default()
        }
    }
}
