//! Callers whose time is over before their calls are made.

use std::time::Instant;

use seawall_core::{CallContext, Failure, FailureKind, Outcome};

const NOT_IN_TIME: Outcome =
    Outcome::Failure(Failure { kind: FailureKind::Timeout, may_have_executed: false });

/// Whether a call that never waited was refused further in because its caller's time was over. That says something
/// about the caller; nobody asked the backend.
pub(crate) fn came_too_late(outcome: Outcome, now: Instant) -> bool {
    outcome == NOT_IN_TIME && CallContext::current_deadline().is_some_and(|deadline| deadline <= now)
}
