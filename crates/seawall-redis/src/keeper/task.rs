//! What a keeper does in the background.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use redis::PushKind;
use seawall_core::{Error, FailureKind, exponential};
use tokio::time::{Instant, sleep, timeout};

use super::live::{Live, Trouble};
use super::{Reason, Shared, State};
use crate::classify::LAYER;

/// The pause before the second attempt to connect; each is twice as long as the one before.
const FIRST_DELAY: Duration = Duration::from_millis(10);
/// A server that takes no writes is not asked more often than this whether it is another one by now.
const BETWEEN_REPLACEMENTS: Duration = Duration::from_millis(200);

/// Makes the connection, and another one whenever that is ordered, until the keeper is gone.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut reason = None;
    for number in 1.. {
        let usable = reason.is_some_and(Reason::leaves_it_usable);
        let (live, moves) = shared.connect(number, usable).await;
        let made = Instant::now();
        shared.publish(live, reason);
        let next = tokio::select! {
            next = shared.next_order(number) => next,
            () = shared.dialer.moved(moves) => shared.leave(),
        };
        if next.leaves_it_usable() {
            sleep((made + BETWEEN_REPLACEMENTS).saturating_duration_since(Instant::now())).await;
        }
        tracing::info!(
            target: "seawall_redis",
            server = &*shared.dialer.name(),
            reason = next.as_str(),
            "a connection is replaced"
        );
        reason = Some(next);
    }
}

impl Shared {
    /// Tries until there is a connection. Says how often the server had moved by then.
    async fn connect(self: &Arc<Self>, number: u64, usable: bool) -> (Arc<Live>, u64) {
        let mut step = 0;
        loop {
            let trouble = Trouble::new(number, self);
            let ended = trouble.clone();
            let pushed = move |push: redis::PushInfo| {
                if push.kind == PushKind::Disconnection {
                    ended.replace(Reason::Dropped);
                }
                Ok::<(), redis::aio::SendError>(())
            };
            match self.dialer.connect(Some(pushed)).await {
                Ok((opened, moves)) => return (Arc::new(Live { opened, trouble }), moves),
                Err(error) => self.failed(error, usable),
            }
            let planned = exponential(FIRST_DELAY, 2.0, step, self.rules.reconnect_delay);
            // Half of it at least, because a server that refuses connections does so in no time.
            sleep(planned / 2 + (planned / 2).mul_f64(fastrand::f64())).await;
            step = step.saturating_add(1);
        }
    }

    /// Takes note that a connection could not be made.
    fn failed(&self, error: Error, usable: bool) {
        {
            let mut state = self.state_mut();
            match &mut *state {
                State::Down { error: last, .. } => *last = error,
                State::Up(_) if usable => return,
                State::Up(_) => {
                    *state = State::Down { since: Instant::now(), error };
                    self.stock.clear();
                }
                State::Closed => return,
            }
        }
        self.changed.notify_waiters();
    }

    fn publish(&self, live: Arc<Live>, reason: Option<Reason>) {
        if let Some(reason) = reason {
            self.replacements.note(reason);
        }
        let trouble = live.trouble.clone();
        {
            let mut state = self.state_mut();
            if matches!(*state, State::Closed) {
                return;
            }
            self.stock.keep(live.number());
            *state = State::Up(live);
        }
        self.changed.notify_waiters();
        // What broke before this was said of a connection that was not in use.
        if trouble.is_broken() {
            trouble.replace(Reason::Dropped);
        }
    }

    /// Leaves a server in whose place another one was announced: it may not even answer that it takes no writes.
    fn leave(&self) -> Reason {
        let live = match &*self.state() {
            State::Up(live) => Some(Arc::clone(live)),
            State::Down { .. } | State::Closed => None,
        };
        if let Some(live) = live {
            live.replace(Reason::Moved);
        }
        Reason::Moved
    }

    /// Waits until the connection of this number is to be replaced.
    async fn next_order(&self, number: u64) -> Reason {
        // Up to a tenth less at random, so that connections made together do not end together.
        let age = self.rules.max_age.map(|age| age.mul_f64(1.0 - fastrand::f64() / 10.0));
        let ordered = async {
            loop {
                let order = self.order.lock().unwrap_or_else(PoisonError::into_inner).take();
                match order {
                    Some((of, reason)) if of == number => return reason,
                    // Of one before, which is gone.
                    Some(_) | None => self.ordered.notified().await,
                }
            }
        };
        match age {
            None => ordered.await,
            Some(age) => timeout(age, ordered).await.unwrap_or(Reason::Aged),
        }
    }

    /// The error of those who come while there is no connection.
    pub(super) fn lost(&self, reason: Reason) -> Error {
        let message = match reason {
            Reason::TimedOut => {
                "the connection answered too late several times in a row and is being replaced"
            }
            Reason::Moved => "the server's place was taken by another one, which is being connected to",
            _ => "the connection broke and is being replaced",
        };
        Error::new(FailureKind::Transient, LAYER, self.dialer.name()).not_executed().with_message(message)
    }
}
