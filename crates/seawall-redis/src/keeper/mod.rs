//! Keeps one connection that many share: makes it, watches it, and replaces it by itself.
//!
//! The driver's own connection never comes back once it is lost, and its manager keeps one whose server was demoted or
//! answers no more. A keeper replaces it when it is dropped, when it answers `READONLY` or `MASTERDOWN`, after several
//! time-outs in a row, and at a certain age; each time it looks the server's name up anew. It does so at once and in the
//! background, whether anybody calls or not.

mod live;
mod reason;
mod stock;
mod task;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use live::{Live, Watch};
pub use reason::ReplacementStats;
pub(crate) use reason::{Reason, Replacements};
pub(crate) use stock::Line;
use stock::Stock;

use crate::RedisConfig;
use crate::classify::LAYER;
use crate::dial::Dialer;

/// One shared connection, whichever it is at the moment.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    task: AbortOnDropHandle<()>,
}

/// What a keeper, its task and its connections share.
pub(super) struct Shared {
    dialer: Arc<Dialer>,
    rules: Rules,
    state: RwLock<State>,
    stock: Stock,
    /// Told whenever the state changes.
    changed: Notify,
    /// The connection that is to be replaced, by number, and why.
    order: std::sync::Mutex<Option<(u64, Reason)>>,
    ordered: Notify,
    waiting: AtomicUsize,
    replacements: Arc<Replacements>,
}

/// How a keeper keeps.
#[derive(Clone)]
pub(crate) struct Rules {
    max_age: Option<Duration>,
    reconnect_delay: Duration,
    timeouts_to_replace: u32,
    offline_wait: Duration,
    max_offline: usize,
}

enum State {
    Up(Arc<Live>),
    Down { since: Instant, error: Error },
    Closed,
}

impl Rules {
    pub(crate) const fn new(config: &RedisConfig) -> Self {
        Self {
            max_age: config.max_age,
            reconnect_delay: config.reconnect_delay,
            timeouts_to_replace: config.timeouts_to_replace.get(),
            offline_wait: config.offline_wait,
            max_offline: config.max_offline,
        }
    }
}

impl Keeper {
    /// Begins to keep a connection, which is made in the background.
    pub(crate) fn start(dialer: Arc<Dialer>, rules: Rules, replacements: Arc<Replacements>) -> Self {
        let error = Error::new(FailureKind::Transient, LAYER, dialer.name())
            .with_message("the connection is being made")
            .not_executed();
        let shared = Arc::new(Shared {
            dialer,
            rules,
            state: RwLock::new(State::Down { since: Instant::now(), error }),
            stock: Stock::new(),
            changed: Notify::new(),
            order: std::sync::Mutex::new(None),
            ordered: Notify::new(),
            waiting: AtomicUsize::new(0),
            replacements,
        });
        let task = AbortOnDropHandle::new(tokio::spawn(task::keep(Arc::clone(&shared))));
        Self { shared, task }
    }

    /// The connection, if there is one now.
    pub(crate) fn now(&self) -> Option<Line<'_>> {
        Line::again(self).or_else(|| match &*self.shared.state() {
            State::Up(live) => Some(Line::new(self, Arc::clone(live))),
            State::Down { .. } | State::Closed => None,
        })
    }

    /// The connection, waited for at the beginning of an outage.
    pub(crate) async fn wait(&self) -> Result<Line<'_>, Error> {
        let shared = &*self.shared;
        let _place = Place::take(shared)?;
        loop {
            let mut changed = std::pin::pin!(shared.changed.notified());
            changed.as_mut().enable();
            let until = match &*shared.state() {
                State::Up(live) => return Ok(Line::new(self, Arc::clone(live))),
                State::Closed => return Err(shared.refused("the client was closed")),
                State::Down { since, error } => {
                    let until = *since + shared.rules.offline_wait;
                    if until <= Instant::now() {
                        return Err(error.clone());
                    }
                    until
                }
            };
            // Whether it came or the time is over, the state says.
            let _ = tokio::time::timeout_at(until, changed).await;
        }
    }

    /// The first connection, or why there is none.
    pub(crate) async fn first(&self) -> Result<(), Error> {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            match &*self.shared.state() {
                State::Up(_) => return Ok(()),
                State::Closed => return Err(self.shared.refused("the client was closed")),
                State::Down { error, .. } if std::error::Error::source(error).is_some() => {
                    return Err(error.clone());
                }
                State::Down { .. } => {}
            }
            changed.await;
        }
    }

    /// Whether there is a connection now.
    pub(crate) fn is_up(&self) -> bool {
        matches!(&*self.shared.state(), State::Up(_))
    }

    /// How many calls are under way over the connection; `None` while there is none.
    pub(crate) fn in_flight(&self) -> Option<usize> {
        match &*self.shared.state() {
            // The keeper holds one itself, and so does each handle that nobody uses.
            State::Up(live) => Some((Arc::strong_count(live) - 1).saturating_sub(self.shared.stock.len())),
            State::Down { .. } | State::Closed => None,
        }
    }

    /// Keeps nothing any more. Calls under way end as they would.
    pub(crate) fn close(&self) -> Option<Arc<Live>> {
        self.task.abort();
        let before = std::mem::replace(&mut *self.shared.state_mut(), State::Closed);
        self.shared.stock.clear();
        self.shared.changed.notify_waiters();
        match before {
            State::Up(live) => Some(live),
            State::Down { .. } | State::Closed => None,
        }
    }
}

impl Shared {
    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, why: &'static str) -> Error {
        Error::new(FailureKind::Refused, LAYER, self.dialer.name()).not_executed().with_message(why)
    }
}

/// A place among those who wait for a connection.
struct Place<'a>(&'a Shared);

impl<'a> Place<'a> {
    fn take(shared: &'a Shared) -> Result<Self, Error> {
        let before = shared.waiting.fetch_add(1, Relaxed);
        let place = Self(shared);
        if before < shared.rules.max_offline {
            return Ok(place);
        }
        Err(shared.refused("there is no connection, and as many calls wait for one as may"))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}
