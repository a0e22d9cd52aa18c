use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use seawall_core::{CallContext, Event, FailureKind, InvalidConfig, Refusal, Refused};

use super::Words;
use crate::Identity;

// Of nanoseconds: no limit. As a limit it would be 584 years.
const OFF: u64 = u64::MAX;

/// The limit of a deadline, an attempt timeout or a coalesced call, to be changed while it is in force. Clones are the same limit, and
/// so is that of every service made by the layer it comes from.
///
/// ```
/// use std::time::Duration;
/// use seawall_tower::DeadlineLayer;
///
/// let layer = DeadlineLayer::new(Duration::from_secs(30));
/// let handle = layer.handle();
/// handle.set(Some(Duration::from_secs(5))).unwrap();
/// assert_eq!(handle.limit(), Some(Duration::from_secs(5)));
/// assert!(handle.set(Some(Duration::ZERO)).is_err());
/// assert_eq!(handle.limit(), Some(Duration::from_secs(5)));
/// ```
#[derive(Clone)]
pub struct TimeLimitHandle(Arc<Shared>);

/// What tells a limit from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(usize);

struct Shared {
    identity: Identity,
    words: &'static Words,
    nanos: AtomicU64,
}

impl TimeLimitHandle {
    pub(crate) fn new(identity: Identity, words: &'static Words, limit: Option<Duration>) -> Self {
        Self(Arc::new(Shared { identity, words, nanos: AtomicU64::new(nanos(limit)) }))
    }

    /// The same limit, of its own from here on, under another name.
    pub(crate) fn renamed(&self, identity: Identity) -> Self {
        Self::new(identity, self.0.words, self.limit())
    }

    /// Gives calls that begin from now on so much time, or with `None` only what their context has left. Tells
    /// [`Event::Reconfigured`] or [`Event::ReconfigurationRefused`].
    ///
    /// # Errors
    /// A limit of zero is refused; the old one then stays.
    pub fn set(&self, limit: Option<Duration>) -> Result<(), InvalidConfig> {
        let result = if limit.is_some_and(|limit| limit.is_zero()) {
            Err(InvalidConfig::new(self.0.words.strategy, "0s", "must be above zero, or \"off\""))
        } else {
            // Nothing else hangs on it, so no order is asked for.
            self.0.nanos.store(nanos(limit), Ordering::Relaxed);
            Ok(())
        };
        self.0.identity.tell_reconfigured(self.0.words.strategy, &result);
        result
    }

    /// The limit in force.
    pub fn limit(&self) -> Option<Duration> {
        match self.0.nanos.load(Ordering::Relaxed) {
            OFF => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Until when a call that began at the time asked for may take: by this limit or by its context, whichever is
    /// earlier. Asks only if this limit is on and the call is not [unhurried](CallContext::unhurried).
    pub(crate) fn until(&self, began: impl FnOnce() -> Instant) -> Option<Instant> {
        let contexts = CallContext::current_deadline();
        let limit = if CallContext::is_unhurried() { None } else { self.limit() };
        match limit.and_then(|limit| began().checked_add(limit)) {
            Some(own) => Some(contexts.map_or(own, |contexts| contexts.min(own))),
            None => contexts,
        }
    }

    /// What tells it from others, for as long as it lives.
    pub(crate) fn id(&self) -> Id {
        Id(Arc::as_ptr(&self.0).addr())
    }

    /// Tells that a call ran out of time, and makes the refusal that says so.
    pub(crate) fn ran_out(&self, after: Duration) -> Refusal {
        let Shared { identity, words, .. } = &*self.0;
        identity.tell(words.strategy, &Event::TimedOut { after });
        identity.refusal(words.strategy, FailureKind::Timeout, words.ran_out).elapsed(after).executed()
    }

    /// Tells that a call came too late to be made, and makes the refusal that says so.
    pub(super) fn too_late(&self, after: Duration) -> Refusal {
        let Shared { identity, words, .. } = &*self.0;
        // No time-out: nobody was asked, so this must not count against the backend.
        identity.refuse(words.strategy, Refused { reason: words.too_late, retry_after: None }).elapsed(after)
    }
}

fn nanos(limit: Option<Duration>) -> u64 {
    limit.and_then(|limit| u64::try_from(limit.as_nanos()).ok()).unwrap_or(OFF)
}

impl fmt::Debug for TimeLimitHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeLimitHandle")
            .field("strategy", &self.0.words.strategy)
            .field("identity", &self.0.identity)
            .field("limit", &self.limit())
            .finish()
    }
}
