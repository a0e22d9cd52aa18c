use std::sync::Arc;

use seawall_core::{Error, FailureKind, WaitKey};
use tokio::time::Instant;

use super::state::{Entrance, FULL};
use super::{Lease, Shared};

/// Waits for whose turn it is to be one's own.
///
/// Who waits for one of the others to finish has the pool's `wait_timeout` for it. Who made the pool open a connection
/// has the time that this may take on top.
pub(super) async fn wait(
    shared: &Arc<Shared>,
    began: Instant,
    deadline: Option<std::time::Instant>,
    entrance: Entrance,
) -> Result<Lease, Error> {
    // Dropped after the place, so that a session that is in it by then finds who comes next.
    let mut answer = entrance.answer;
    let place = Place { shared, key: entrance.key };
    if let Some(displaced) = entrance.displaced {
        // Who is gone need not know.
        let _ = displaced.answer.send(Err(shared.refuse(FULL)));
    }
    let mut patience = shared.config.wait_timeout;
    if entrance.dials {
        patience = patience.saturating_add(shared.config.connect_timeout);
        shared.dial();
    }
    let patience_ends = began.checked_add(patience);
    let ends = deadline.map(Instant::from_std).into_iter().chain(patience_ends).min();
    let answered = match ends {
        Some(ends) => tokio::time::timeout_at(ends, &mut answer).await,
        None => Ok((&mut answer).await),
    };
    let answered = match answered {
        Ok(answered) => answered,
        Err(_elapsed) => {
            let numbers = shared.timed_out();
            if place.leave() {
                let (kind, message) = if deadline.map(Instant::from_std) == ends {
                    (FailureKind::Timeout, format!("no connection before the deadline: {numbers}"))
                } else {
                    let overloaded = FailureKind::Overloaded { retry_after: None };
                    (overloaded, format!("no connection within {patience:?}: {numbers}"))
                };
                return Err(shared.refusal(kind, message));
            }
            // It is being given in this moment.
            answer.await
        }
    };
    let lease = answered.unwrap_or_else(|_gone| {
        Err(shared.refusal(FailureKind::Cancelled, "the runtime is shutting down".into()))
    })?;
    place.was_left();
    let waited = lease.since().saturating_duration_since(began);
    // Who waited for a connection of its own did not wait for its turn.
    if entrance.dials {
        shared.meter.waited(waited);
    } else {
        shared.meter.dequeued(waited);
    }
    Ok(lease)
}

/// A place in the queue, left when dropped.
struct Place<'a> {
    shared: &'a Shared,
    key: WaitKey,
}

impl Place<'_> {
    /// `false` if the answer was given already.
    fn leave(&self) -> bool {
        self.shared.state().withdraw(self.key)
    }

    /// Whoever gives a session has taken it out of the queue.
    fn was_left(self) {
        std::mem::forget(self);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
