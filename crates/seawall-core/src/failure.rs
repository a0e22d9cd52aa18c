use std::time::Duration;

use crate::Error;

/// What kind of thing went wrong, in the one vocabulary that every layer reads.
///
/// A backend has one classifier ([`Classify`]) that turns its results into these; retry, breaker, limiter and
/// budget then agree about each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// It may work if tried again: a reset connection, a 503 without more to say.
    Transient,
    /// No answer in time, or no connection: the backend was asked. Whether the call was executed is unknown, unless
    /// [`may_have_executed`](Failure::may_have_executed) says that it was not. A call that was never made because its
    /// time was over is [`Refused`](Self::Refused).
    Timeout,
    /// The backend, or a pool in front of it, says that it has too much to do.
    Overloaded {
        /// How long the backend asks to be left alone, if it says so (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// It will fail again: bad input, missing rights, a constraint.
    Permanent,
    /// The caller gave up. Neither side's fault.
    Cancelled,
    /// We said no ourselves (open breaker, empty budget, full queue, a deadline that passed in our queue). Never retried by an outer Seawall retry,
    /// never counted against the backend.
    Refused,
}

impl FailureKind {
    /// Whether the same call may succeed if it is made again.
    ///
    /// ```
    /// use seawall_core::FailureKind;
    ///
    /// assert!(FailureKind::Transient.is_retryable());
    /// assert!(!FailureKind::Refused.is_retryable());
    /// ```
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Transient | Self::Timeout | Self::Overloaded { .. })
    }

    /// Whether this speaks against the backend's health: what a circuit breaker counts as a failure.
    pub const fn is_backend_failure(self) -> bool {
        matches!(self, Self::Transient | Self::Timeout | Self::Overloaded { .. })
    }

    /// The lower-case name, as telemetry spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::Overloaded { .. } => "overloaded",
            Self::Permanent => "permanent",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }
}

/// A classified failure: its kind, and whether the backend may have carried the call out all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// `false` only when it is certain that the backend never began (connection refused, our own refusal).
    /// Such a call may be made again even if it is not idempotent.
    pub may_have_executed: bool,
}

/// How a call ended, as policies see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The backend did what it was asked.
    Success,
    /// It did not.
    Failure(Failure),
}

impl Outcome {
    /// A failure of this kind that the backend may have carried out.
    pub const fn failure(kind: FailureKind) -> Self {
        Self::Failure(Failure { kind, may_have_executed: true })
    }

    /// Whether the backend failed; `None` when the outcome says nothing about it: a call that was cancelled, or that
    /// we refused ourselves. A permanent failure speaks for the backend: it answered. A connection that could not be
    /// made, or not in time, speaks against it, though nothing was executed.
    pub const fn speaks_against_backend(self) -> Option<bool> {
        match self.failure_kind() {
            None | Some(FailureKind::Permanent) => Some(false),
            Some(FailureKind::Cancelled | FailureKind::Refused) => None,
            Some(kind) => Some(kind.is_backend_failure()),
        }
    }

    /// The kind of the failure, if it is one.
    pub const fn failure_kind(self) -> Option<FailureKind> {
        match self {
            Self::Success => None,
            Self::Failure(failure) => Some(failure.kind),
        }
    }
}

/// Turns a backend's results into [`Outcome`]s. One implementation per backend, used by every layer.
///
/// A closure `Fn(Result<&R, &E>) -> Outcome` is a classifier.
///
/// ```
/// use seawall_core::{Classify, FailureKind, Outcome};
///
/// let classifier = |result: Result<&u16, &std::io::Error>| match result {
///     Ok(503) => Outcome::failure(FailureKind::Overloaded { retry_after: None }),
///     Ok(_) => Outcome::Success,
///     Err(_) => Outcome::failure(FailureKind::Transient),
/// };
/// assert_eq!(classifier.classify(Ok(&200)), Outcome::Success);
/// ```
pub trait Classify<R, E> {
    /// Says how a call with this result ended.
    fn classify(&self, result: Result<&R, &E>) -> Outcome;

    /// Called by a retry that gives up, so that the error can tell its reader what was tried.
    /// Does nothing unless the error type has a place for it.
    fn note_attempts(&self, _error: &mut E, _attempts: u32, _elapsed: Duration) {}

    /// Called by a retry that gives up after an attempt before the last may have been executed, and by a hedge one of
    /// whose other attempts may have been, whatever the error that is told says of itself. Does nothing unless the error
    /// type has a place for it.
    fn note_may_have_executed(&self, _error: &mut E) {}
}

impl<F, R, E> Classify<R, E> for F
where
    F: Fn(Result<&R, &E>) -> Outcome,
{
    fn classify(&self, result: Result<&R, &E>) -> Outcome {
        self(result)
    }
}

/// The classifier of calls that fail with Seawall's own [`Error`]: every response is a success, every error knows
/// its kind. The default of every layer.
///
/// A failure that may pass and says when ([`Error::retry_after`]) is an overload, whatever else it is called: so the
/// wish reaches every layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByKind;

impl<R> Classify<R, Error> for ByKind {
    fn classify(&self, result: Result<&R, &Error>) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(error) => {
                let kind = match (error.kind(), error.retry_after()) {
                    (kind, Some(wait)) if kind.is_retryable() => {
                        FailureKind::Overloaded { retry_after: Some(wait) }
                    }
                    (kind, _) => kind,
                };
                Outcome::Failure(Failure { kind, may_have_executed: error.may_have_executed() })
            }
        }
    }

    fn note_attempts(&self, error: &mut Error, attempts: u32, elapsed: Duration) {
        error.note_attempts(attempts, elapsed);
    }

    fn note_may_have_executed(&self, error: &mut Error) {
        error.note_may_have_executed();
    }
}
