use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{FailureKind, Name, Refusal};

/// Any error that can cross a task; tower's name for it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Seawall's error: one flat struct that says who failed, how, and what to do about it.
///
/// Errors never nest layer in layer: a refusal becomes an `Error` of its own, a backend's error becomes the
/// [`source`](std::error::Error::source) of one, and both pass through further layers unchanged. A clone is a faithful
/// copy that shares the source.
///
/// ```
/// use seawall_core::{Error, FailureKind, Refusal};
///
/// let refused = Error::from(Refusal::new("circuit_breaker", "billing", FailureKind::Refused, "circuit is open"));
/// assert_eq!(refused.kind(), FailureKind::Refused);
/// assert!(!refused.may_have_executed());
///
/// let io = std::io::Error::other("connection reset by peer");
/// let failed = Error::new(FailureKind::Transient, "http", "GET https://example.com").with_source(io);
/// assert_eq!(failed.to_string(), "http `GET https://example.com`: transient failure: connection reset by peer");
/// ```
#[derive(Clone)]
pub struct Error(Box<Fields>);

// Boxed so that `Result<T, Error>` stays one word wide on the way that succeeds.
#[derive(Clone, Debug)]
struct Fields {
    kind: FailureKind,
    layer: &'static str,
    name: Name,
    message: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    attempts: u32,
    elapsed: Duration,
    may_have_executed: bool,
    // Shared, so that an error can be told to everybody who waited for one call.
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `layer` (`http`, `sql`, `circuit_breaker`, …) about `name` (the endpoint, pool or file).
    ///
    /// The call is taken to have been executed, perhaps; say otherwise with
    /// [`not_executed`](Self::not_executed). `name` must hold no secret: it is shown and logged.
    pub fn new(kind: FailureKind, layer: &'static str, name: impl Into<Name>) -> Self {
        Self(Box::new(Fields {
            kind,
            layer,
            name: name.into(),
            message: None,
            retry_after: match kind {
                FailureKind::Overloaded { retry_after } => retry_after,
                _ => None,
            },
            attempts: 1,
            elapsed: Duration::ZERO,
            may_have_executed: true,
            source: None,
        }))
    }

    /// Says in words what happened and what to do; shown in place of the kind's name.
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = Some(message.into());
        self
    }

    /// Keeps the cause, reachable by [`source`](std::error::Error::source).
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Says when it is worth asking again.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Says that the backend certainly never began.
    pub fn not_executed(mut self) -> Self {
        self.0.may_have_executed = false;
        self
    }

    /// Finds Seawall's error again after it crossed a foreign layer that boxes errors; anything else becomes a
    /// [`FailureKind::Permanent`] error of `layer`, with the stranger as its source.
    pub fn from_boxed(error: BoxError, layer: &'static str, name: impl Into<Name>) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(other) => match other.downcast::<Refusal>() {
                Ok(refusal) => Self::from(*refusal),
                Err(stranger) => Self::new(FailureKind::Permanent, layer, name).with_source(stranger),
            },
        }
    }

    /// What went wrong, in the vocabulary every layer reads.
    pub fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// Who failed or refused: `http`, `sql`, `circuit_breaker`, …
    pub fn layer(&self) -> &'static str {
        self.0.layer
    }

    /// What it was about: the endpoint, pool, file or breaker, by name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What happened in words, if anybody said; the cause is not part of it.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// When it is worth asking again, if anybody knows.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How many times the call was made.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How long all attempts and waits took together; zero where nobody measured.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// `false` only when it is certain that the backend never began.
    pub fn may_have_executed(&self) -> bool {
        self.0.may_have_executed
    }

    pub(crate) fn note_may_have_executed(&mut self) {
        self.0.may_have_executed = true;
    }

    pub(crate) fn note_attempts(&mut self, attempts: u32, elapsed: Duration) {
        self.0.attempts = attempts;
        self.0.elapsed = elapsed;
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(Fields {
            kind: refusal.kind,
            layer: refusal.layer,
            name: refusal.name,
            message: Some(Cow::Borrowed(refusal.reason)),
            retry_after: refusal.retry_after,
            attempts: 1,
            elapsed: refusal.elapsed,
            may_have_executed: refusal.may_have_executed,
            source: None,
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fields { kind, layer, name, message, retry_after, attempts, source, .. } = &*self.0;
        write!(f, "{layer} `{name}`: ")?;
        match message {
            Some(message) => f.write_str(message)?,
            None => write!(f, "{} failure", kind.as_str())?,
        }
        if let Some(source) = source {
            write!(f, ": {source}")?;
        }
        if *attempts > 1 {
            write!(f, " (after {attempts} attempts)")?;
        }
        if let Some(wait) = retry_after {
            write!(f, ", try again in {wait:?}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fields { kind, layer, name, message, retry_after, attempts, elapsed, may_have_executed, source } =
            &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("layer", layer)
            .field("name", name)
            .field("message", message)
            .field("retry_after", retry_after)
            .field("attempts", attempts)
            .field("elapsed", elapsed)
            .field("may_have_executed", may_have_executed)
            .field("source", source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
