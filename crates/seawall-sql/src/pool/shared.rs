use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seawall_core::{Error, FailureKind, InvalidConfig, Observer};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::meter::Meter;
use super::state::{CLOSED, Placed, State};
use super::{LAYER, Lease, Opener, Session, dialer};
use crate::PoolConfig;

/// What all handles of a pool know.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(super) config: PoolConfig,
    pub(super) opener: Opener,
    pub(super) meter: Meter,
    /// Told whenever a session is gone, for who waits for the last one.
    pub(super) returned: Notify,
    /// Grows whenever a session breaks: those that were opened or asked before are asked before they are used.
    pub(super) doubts: AtomicU64,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(
        name: &str,
        opener: Opener,
        size: usize,
        config: &PoolConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, InvalidConfig> {
        // Where only one may write, there is no second one.
        let overflow = if opener.writes_alone() { 0 } else { config.max_overflow };
        Ok(Self {
            name: name.to_owned(),
            meter: Meter::new(name, opener.read_only, observer),
            state: Mutex::new(State::new(size, overflow, config)?),
            config: config.clone(),
            opener,
            doubts: AtomicU64::new(0),
            returned: Notify::new(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a session back from who had it.
    pub(super) fn take_back(self: &Arc<Self>, session: Box<Session>, loan: usize, since: Instant) {
        // The clock was read when it was used last.
        let used_at = session.used_at.max(since);
        self.meter.used(|| used_at - since);
        let placed = {
            let mut state = self.state();
            let now = if state.has_waiters() { Instant::now() } else { used_at };
            state.put_back(session, loan, now)
        };
        self.carry_out(placed);
    }

    /// Does what became of a session.
    pub(super) fn carry_out(self: &Arc<Self>, placed: Placed) {
        let mut next = placed;
        loop {
            next = match next {
                Placed::Idle => return,
                Placed::Lent { session, loan, since, to } => {
                    let lease = Lease::new(session, loan, since, Arc::clone(self));
                    let Err(Ok(back)) = to.answer.send(Ok(lease)) else { return };
                    let (session, loan) = back.into_parts();
                    self.state().put_back(session, loan, since)
                }
                Placed::TooLate { session, waiter } => {
                    let _ = waiter.answer.send(Err(self.too_late()));
                    let now = Instant::now();
                    self.state().place(session, now)
                }
                Placed::Destroyed { session, dials } => {
                    session.destroy();
                    if dials {
                        self.dial();
                    }
                    self.returned.notify_waiters();
                    return;
                }
            };
        }
    }

    /// Opens a connection that is counted already, in a task of its own.
    pub(super) fn dial(self: &Arc<Self>) {
        match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(dialer::dial(dialer::Opening::new(Arc::clone(self))));
            }
            // Dropped outside of a runtime: who waits is in none either.
            Err(_none) => self.state().undialed(),
        }
    }

    /// Whether an idle session may be used without being asked.
    pub(super) fn trusts(&self, session: &Session, now: Instant) -> bool {
        session.doubts == self.doubts.load(Ordering::Relaxed)
            && now.saturating_duration_since(session.used_at) < self.config.validate_after_idle
    }

    /// A session broke: the others may have met the same end.
    pub(super) fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::Relaxed);
    }

    /// What is behind the sessions is not what it was: those that rest are closed, those at work when they come back.
    pub(super) fn retire(self: &Arc<Self>) {
        self.doubt();
        let now = Instant::now();
        let (retired, dials) = {
            let mut state = self.state();
            let retired = state.retire(now);
            (retired, state.dials())
        };
        for session in retired {
            session.destroy();
        }
        if dials {
            self.dial();
        }
    }

    /// Says no at once.
    pub(super) fn refuse(&self, reason: &'static str) -> Error {
        self.meter.refused(reason);
        let message = match reason {
            CLOSED => reason.to_owned(),
            reason => format!("{reason}: {}", self.state().numbers(Instant::now())),
        };
        self.refusal(FailureKind::Refused, message)
    }

    /// The deadline passed first.
    pub(super) fn too_late(&self) -> Error {
        let message = format!("no connection before the deadline: {}", self.timed_out());
        self.refusal(FailureKind::Timeout, message)
    }

    /// How the pool stood when somebody waited for too long.
    pub(super) fn timed_out(&self) -> String {
        let mut state = self.state();
        state.count_timeout();
        state.numbers(Instant::now())
    }

    pub(super) fn refusal(&self, kind: FailureKind, message: String) -> Error {
        Error::new(kind, LAYER, self.name.clone()).with_message(message).not_executed()
    }
}
