use std::sync::{Arc, Mutex, PoisonError};

use seawall_core::{CallContext, EndpointId};

/// Where the attempts of a call have been.
#[derive(Debug, Default)]
pub(super) struct Been {
    /// Of this instance, which makes one call after the other: where the last attempt went, and those of the same call before
    /// it. Apart, because most calls have one attempt, and then there is no list to be made.
    last: Option<EndpointId>,
    before: Vec<EndpointId>,
    /// Of the one call that this and its clones are for.
    of_one_call: Option<Arc<Mutex<Vec<EndpointId>>>>,
}

impl Been {
    pub(super) fn of_one_call() -> Self {
        Self { of_one_call: Some(Arc::default()), ..Self::default() }
    }

    /// Before an attempt: where those before it have been, the first one first.
    pub(super) fn so_far(&mut self) -> &[EndpointId] {
        let last = self.last.take();
        if let Some(shared) = &self.of_one_call {
            self.before.clone_from(&shared.lock().unwrap_or_else(PoisonError::into_inner));
        } else if CallContext::current_attempt().is_some_and(|attempt| attempt.get() > 1) {
            // A service that makes a further attempt of a call made those before it.
            self.before.extend(last);
        } else {
            self.before.clear();
        }
        &self.before
    }

    pub(super) fn goes_to(&mut self, endpoint: EndpointId) {
        match &self.of_one_call {
            Some(shared) => shared.lock().unwrap_or_else(PoisonError::into_inner).push(endpoint),
            None => self.last = Some(endpoint),
        }
    }
}

// By hand, because a clone has been nowhere, unless it is for the same call.
impl Clone for Been {
    fn clone(&self) -> Self {
        Self { of_one_call: self.of_one_call.clone(), ..Self::default() }
    }
}
