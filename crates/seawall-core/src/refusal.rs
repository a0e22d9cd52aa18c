use std::fmt;
use std::time::Duration;

use crate::{FailureKind, Name};

/// A layer's own failure: who said no, why, and until when.
///
/// This is the only error that layers add to a service: they keep `type Error = S::Error where S::Error:
/// From<Refusal>`, so errors never nest, and [`BoxError`](crate::BoxError) works for free. Convert it into your own
/// error type, or use [`Error`](crate::Error).
///
/// ```
/// use seawall_core::{FailureKind, Refusal};
///
/// let refusal = Refusal::new("circuit_breaker", "billing", FailureKind::Refused, "circuit is open")
///     .retry_after(std::time::Duration::from_secs(3));
/// assert_eq!(refusal.to_string(), "circuit_breaker `billing`: circuit is open, try again in 3s");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) layer: &'static str,
    pub(crate) name: Name,
    pub(crate) kind: FailureKind,
    pub(crate) reason: &'static str,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) elapsed: Duration,
    pub(crate) may_have_executed: bool,
}

impl Refusal {
    /// A refusal by `layer` (its telemetry name, such as `circuit_breaker`) that guards `name`.
    ///
    /// The call is taken not to have been executed; a time-out says otherwise with
    /// [`executed`](Self::executed).
    pub fn new(layer: &'static str, name: impl Into<Name>, kind: FailureKind, reason: &'static str) -> Self {
        Self {
            layer,
            name: name.into(),
            kind,
            reason,
            retry_after: None,
            elapsed: Duration::ZERO,
            may_have_executed: false,
        }
    }

    /// Says when it is worth asking again.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Says how long the call had been under way.
    pub fn elapsed(mut self, elapsed: Duration) -> Self {
        self.elapsed = elapsed;
        self
    }

    /// Says that the backend may have carried the call out.
    pub fn executed(mut self) -> Self {
        self.may_have_executed = true;
        self
    }

    /// [`FailureKind::Refused`] when we declined, [`FailureKind::Timeout`] when time ran out for a call that was made.
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The layer that said no, by its telemetry name.
    pub const fn layer(&self) -> &'static str {
        self.layer
    }

    /// What the layer guards: the name it was built with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why, in a few words.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// When it is worth asking again, if the layer knows.
    pub const fn wait(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: {}", self.layer, self.name, self.reason)?;
        match self.retry_after {
            Some(wait) => write!(f, ", try again in {wait:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}
