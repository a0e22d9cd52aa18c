use std::time::Duration;

use seawall_core::{ByKind, Classify, Idempotency, Outcome};

/// How a backend's requests are repeated. A backend's classifier implements it beside [`Classify`].
pub trait Replay<Req> {
    /// A copy of the request to send again, or `None` if it cannot be repeated (a body that streams).
    fn replay(&self, request: &Req) -> Option<Req>;

    /// Whether sending the request twice does the same as sending it once.
    /// [`Unspecified`](Idempotency::Unspecified) counts as not, unless a retry is told otherwise.
    fn idempotency(&self, request: &Req) -> Idempotency;
}

impl<Req: Clone> Replay<Req> for ByKind {
    fn replay(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }

    fn idempotency(&self, _: &Req) -> Idempotency {
        Idempotency::Unspecified
    }
}

/// Makes any classifier, a closure too, one that repeats requests by cloning them.
///
/// ```
/// use seawall_core::{FailureKind, Idempotency, Outcome};
/// use seawall_tower::{ByClone, Replay};
///
/// let classifier = ByClone::new(|result: Result<&u16, &std::io::Error>| match result {
///     Ok(_) => Outcome::Success,
///     Err(_) => Outcome::failure(FailureKind::Transient),
/// });
/// assert_eq!(classifier.replay(&7), Some(7));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ByClone<C>(C);

impl<C> ByClone<C> {
    /// Wraps a classifier.
    pub const fn new(classifier: C) -> Self {
        Self(classifier)
    }
}

impl<C, Req: Clone> Replay<Req> for ByClone<C> {
    fn replay(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }

    fn idempotency(&self, _: &Req) -> Idempotency {
        Idempotency::Unspecified
    }
}

impl<C: Classify<R, E>, R, E> Classify<R, E> for ByClone<C> {
    fn classify(&self, result: Result<&R, &E>) -> Outcome {
        self.0.classify(result)
    }

    fn note_attempts(&self, error: &mut E, attempts: u32, elapsed: Duration) {
        self.0.note_attempts(error, attempts, elapsed);
    }

    fn note_may_have_executed(&self, error: &mut E) {
        self.0.note_may_have_executed(error);
    }
}

/// Whether a call is idempotent, by the first who says anything: the caller, the backend, the layer's own setting.
pub(crate) fn is_idempotent(caller: Idempotency, backend: Idempotency, unspecified: Idempotency) -> bool {
    let said = [caller, backend, unspecified];
    said.into_iter().find(|&said| said != Idempotency::Unspecified) == Some(Idempotency::Idempotent)
}
