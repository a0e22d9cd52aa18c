//! A time limit for one attempt, or for any single call: from `call` to the answer.
//!
//! The limit is cut to what the [`CallContext`](seawall_core::CallContext) has left, and becomes its deadline for
//! everything within. An attempt that runs over fails with
//! [`FailureKind::Timeout`](seawall_core::FailureKind::Timeout), which a circuit breaker outside of it counts and a
//! retry repeats if the call is idempotent. One whose time is over before it is made is refused with
//! [`FailureKind::Refused`](seawall_core::FailureKind::Refused), which says nothing about the backend.
//!
//! ```text
//! right: retry → circuit breaker → attempt timeout     the breaker learns of the time-out
//! wrong: attempt timeout → circuit breaker             the breaker sees a dropped call, and guesses why by its deadline
//! ```

pub mod future;
mod layer;
mod service;

pub use layer::AttemptTimeoutLayer;
pub use service::AttemptTimeout;

use crate::time_limit::Words;

const WORDS: Words = Words {
    strategy: "attempt_timeout",
    ran_out: "the attempt ran out of time",
    too_late: "the deadline had passed before the attempt was made",
};
