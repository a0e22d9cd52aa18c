//! The door that every call of every client passes, so that a shutdown can close it and wait for those inside.

#[cfg(any(feature = "fs", feature = "http", feature = "sql"))]
mod answer;
#[cfg(any(feature = "fs", feature = "http", feature = "sql"))]
mod future;
#[cfg(any(feature = "fs", feature = "http", feature = "sql"))]
mod layer;
#[cfg(any(feature = "fs", feature = "http", feature = "sql"))]
mod service;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::task::TaskTracker;

/// Lets calls through until it is closed, and counts those that are inside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    inside: TaskTracker,
    closed: Arc<AtomicBool>,
}

/// A call's place inside: given up when dropped.
#[cfg(any(feature = "fs", feature = "http", feature = "sql"))]
type Place = tokio_util::task::task_tracker::TaskTrackerToken;

impl Gate {
    /// Refuses calls from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.inside.close();
    }

    /// Whether calls are refused.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Waits until it is closed and everybody inside has left. Cancel safe.
    pub(crate) async fn drained(&self) {
        self.inside.wait().await;
    }

    /// How many calls are inside.
    pub(crate) fn inside(&self) -> usize {
        self.inside.len()
    }
}

#[cfg(any(feature = "fs", feature = "http", feature = "sql"))]
impl Gate {
    /// The layer that puts this gate in front of a client.
    pub(crate) fn layer(&self, client: &'static str) -> layer::GateLayer {
        layer::GateLayer::new(self.clone(), client)
    }

    /// Goes in, or says that the gate is closed.
    fn enter(&self, client: &'static str) -> Result<Place, seawall_core::Refusal> {
        // The place first, the question second: whoever `drained` does not wait for sees the gate closed.
        let place = self.inside.token();
        if self.is_closed() {
            let kind = seawall_core::FailureKind::Refused;
            return Err(seawall_core::Refusal::new("shutdown", client, kind, "the system is shutting down"));
        }
        Ok(place)
    }
}
