use std::sync::{Mutex, MutexGuard, PoisonError};

use seawall_tower::PipelineService;

use crate::HttpBackend;
use crate::wire::Wire;

type Service = PipelineService<Wire, HttpBackend>;

/// The service of one authority, with the instances that calls have left behind for the next ones. A clone counts up what
/// every one of its layers shares, twenty counts that all threads pass to and fro, and down again when it is dropped.
pub(crate) struct Spares {
    original: Service,
    left_behind: Mutex<Vec<Box<Service>>>,
}

impl Spares {
    /// More calls than these do not begin at once often enough.
    const MOST: usize = 64;

    pub(crate) const fn new(original: Service) -> Self {
        Self { original, left_behind: Mutex::new(Vec::new()) }
    }

    /// An instance that is not ready yet.
    pub(crate) fn take(&self) -> Box<Service> {
        let spare = self.left_behind().pop();
        spare.unwrap_or_else(|| Box::new(self.original.clone()))
    }

    /// Keeps an instance by which a call has been made, if that has spent all that it had reserved: if some layer has
    /// refused the call, those within still have their permits.
    pub(crate) fn leave_behind(&self, service: Box<Service>) {
        if !service.get_ref().get_ref().was_called() {
            return;
        }
        let mut left_behind = self.left_behind();
        if left_behind.len() < Self::MOST {
            left_behind.push(service);
        }
    }

    fn left_behind(&self) -> MutexGuard<'_, Vec<Box<Service>>> {
        self.left_behind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
