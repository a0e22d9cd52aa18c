//! Models of what the field's libraries do by default, to be compared with.
//!
//! A model is not the library: it is a value that decides as the library's documentation and source say it does with
//! its defaults, as of the version or commit named in each file. All models share what would otherwise drown the comparison:
//! the scenario's deadline and attempt timeout, and one [`back_off`]. What a library calls a failure is
//! taken to be an attempt that timed out, failed or was called overloaded, for all alike. None of them waits for a
//! `Retry-After`, which the simulated servers do not send.
//!
//! Each file holds one library; `Modelled` makes calls by any of them. Where the documentation is silent, the file
//! says what is assumed.

mod aws;
mod envoy;
mod finagle;
mod gradient2;
mod grpc;
mod modelled;
mod polly;
mod resilience4j;
mod sre;
mod window;

use std::fmt;
use std::time::Duration;

pub use aws::Aws;
pub use envoy::Envoy;
use fastrand::Rng;
pub use finagle::Finagle;
pub use gradient2::Gradient2;
pub use grpc::Grpc;
pub use modelled::Modelled;
pub use polly::Polly;
pub use resilience4j::Resilience4j;
use seawall_core::{FailureKind, exponential};
pub use sre::Sre;

use super::{Policy, Reading};

/// All models.
pub(super) fn all() -> Vec<Box<dyn Policy>> {
    vec![
        Box::new(polly::policy()),
        Box::new(resilience4j::policy()),
        Box::new(finagle::policy()),
        Box::new(envoy::policy()),
        Box::new(grpc::policy()),
        Box::new(aws::legacy()),
        Box::new(aws::new_retries()),
        Box::new(sre::policy()),
        Box::new(gradient2::policy()),
    ]
}

/// What one client process decides about its calls: a value that is told what happens, since when in its life, and
/// that draws from the chance it is given.
pub trait Model: fmt::Debug + Send + 'static {
    /// How many attempts a call makes at most, the first included.
    const ATTEMPTS: u32;

    /// What it remembers of an attempt that is under way.
    type Attempt: fmt::Debug + Send;

    /// A call came; `false` refuses it.
    fn call_began(&mut self, now: Duration) -> bool {
        let _ = now;
        true
    }

    /// An attempt is about to be sent, after one that failed so, if it is not the first; `None` refuses it, and with
    /// it the call.
    fn attempt_began(
        &mut self,
        retry_of: Option<FailureKind>,
        now: Duration,
        rng: &mut Rng,
    ) -> Option<Self::Attempt>;

    /// An attempt ended; as [`Cancelled`](FailureKind::Cancelled) if the call was given up meanwhile.
    fn attempt_ended(&mut self, attempt: Self::Attempt, result: Result<(), FailureKind>, now: Duration);

    /// Whether a call whose attempt failed so, and which has attempts left, may make another.
    fn may_retry(&mut self, failure: FailureKind, now: Duration) -> bool {
        let _ = (failure, now);
        true
    }

    /// A call is over that was let in, after so many granted retries.
    fn call_ended(&mut self, retries: u32) {
        let _ = retries;
    }

    /// How long the retry waits that follows so many others: the common [`back_off`].
    fn pause(&self, retries: u32, rng: &mut Rng) -> Duration {
        back_off(retries, rng)
    }

    /// What can be read off it.
    fn reading(&self) -> Reading {
        Reading::default()
    }
}

/// The common back-off, before the retry that follows so many others: 50 ms, doubled each time, with full jitter.
pub fn back_off(retries: u32, rng: &mut Rng) -> Duration {
    exponential(Duration::from_millis(50), 2.0, retries, Duration::from_secs(20)).mul_f64(rng.f64())
}
