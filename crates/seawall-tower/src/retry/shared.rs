use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::settings::Settings;

/// What the clones of a service share with their calls, so that a call takes along one pointer and no service of its
/// own: nearly all end without a retry.
#[derive(Debug)]
pub(super) struct Shared<S, C, B> {
    pub(super) settings: Arc<Settings<C, B>>,
    // Cloned for each retry, and never asked for anything else, so that it is never ready and keeps no permit.
    spare: OnceLock<Mutex<S>>,
}

impl<S, C, B> Shared<S, C, B> {
    pub(super) const fn new(settings: Arc<Settings<C, B>>) -> Self {
        Self { settings, spare: OnceLock::new() }
    }
}

impl<S: Clone, C, B> Shared<S, C, B> {
    /// Sees to it that there is a service to retry with: call it before a call is made.
    #[inline]
    pub(super) fn provide(&self, inner: &S) {
        self.spare.get_or_init(|| Mutex::new(inner.clone()));
    }

    /// A service to retry with, not ready yet.
    pub(super) fn service(&self) -> S {
        let spare = self.spare.get().expect("every call provides one before it is made");
        // A panic while it was cloned left it as it was.
        spare.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
