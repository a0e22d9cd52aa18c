//! A test that pauses tokio's clock has it put forward to the next timer whenever the runtime has nothing to do but
//! wait. Tokio knows of its own blocking threads that they are at work, but not of ours: without this, a deadline of
//! an hour would pass in such a test while a thread opens a file.

use std::sync::mpsc::{self, Sender};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

/// While it lives, a clock that was paused stands still.
pub(super) struct StandStill {
    _until_dropped: Sender<()>,
}

impl StandStill {
    /// `None` where there is no need: only in a runtime of one thread can a clock be paused.
    pub(super) fn if_paused() -> Option<Self> {
        let handle = Handle::try_current().ok()?;
        // A clock that runs never says the same twice.
        if handle.runtime_flavor() != RuntimeFlavor::CurrentThread || Instant::now() != Instant::now() {
            return None;
        }
        let (sender, receiver) = mpsc::channel();
        handle.spawn_blocking(move || receiver.recv());
        Some(Self { _until_dropped: sender })
    }
}
