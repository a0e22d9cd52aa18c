//! The pool: places for sqlx's connections, and who gets one.
//!
//! sqlx's own pool asks every connection whether it lives on each return, three round trips for one query, and up
//! to 0.9.0 hands on a session inside of a transaction whose `begin` was cancelled half-way. Here a session that was
//! left in the middle of anything is closed, never mended, and one that was in use a second ago is not asked.
//!
//! A free session is lent and taken back under one short lock. Only who finds none waits, in an order of priority and
//! deadline, while connections are opened in tasks of their own.

mod dialer;
mod housekeeper;
mod interrupt;
mod lease;
mod limit;
mod meter;
mod session;
mod shared;
mod state;
mod stats;
mod waiting;

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use seawall_core::{CallContext, Error, InvalidConfig, Observer};
use tokio::time::Instant;

use crate::PoolConfig;
pub(crate) use dialer::Opener;
pub(crate) use lease::{Fault, Lease, deadline_passed, until};
pub(crate) use limit::text as limit_text;
pub(crate) use session::Session;
use shared::Shared;
use state::{Caller, Entered};
pub use stats::{PoolMonitor, PoolStats, SqlStats};

/// The layer of errors that say that no connection was free.
pub(crate) const LAYER: &str = "sql_pool";

/// How long a connection may take to say that it lives.
const VALIDATION: Duration = Duration::from_secs(1);

/// A pool of sessions.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

impl Pool {
    /// A pool of `size` connections, and of as many more as the configuration allows beyond that.
    pub(crate) fn new(
        name: &str,
        opener: Opener,
        size: usize,
        config: &PoolConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, InvalidConfig> {
        let shared = Arc::new(Shared::new(name, opener, size, config, observer)?);
        housekeeper::start(&shared);
        Ok(Self(shared))
    }

    /// Takes a session, waiting for one if need be, until the current deadline; `place` is who has it, should it never come
    /// back.
    pub(crate) async fn acquire(&self, place: &'static Location<'static>) -> Result<Lease, Error> {
        self.acquire_until(place, Instant::now(), CallContext::current_deadline()).await
    }

    /// The same for who began then, until a deadline of its own.
    ///
    /// Cancel safe: a place in the queue is given up, and a connection being opened goes to the next caller.
    pub(crate) async fn acquire_until(
        &self,
        place: &'static Location<'static>,
        began: Instant,
        deadline: Option<std::time::Instant>,
    ) -> Result<Lease, Error> {
        let shared = &self.0;
        let caller = Caller { place, priority: CallContext::current_priority(), deadline };
        let mut now = began;
        loop {
            let entered = shared.state().enter(&caller, now);
            match entered {
                Entered::Lent(session, loan) => {
                    let mut lease = Lease::new(session, loan, now, Arc::clone(shared));
                    if shared.trusts(lease.session(), now)
                        || Box::pin(self.revive(&mut lease, deadline)).await?
                    {
                        shared.meter.waited(Duration::ZERO);
                        return Ok(lease);
                    }
                }
                Entered::WornOut(session) => session.destroy(),
                Entered::Waiting(entrance) => {
                    return waiting::wait(shared, now, deadline, entrance).await;
                }
                Entered::Refused(reason) => return Err(shared.refuse(reason)),
            }
            now = Instant::now();
        }
    }

    /// Takes a session that can be used at once as it is, until the deadline: if one is free, was in use lately, and is
    /// limited as it should be.
    #[inline]
    pub(crate) fn at_hand(
        &self,
        place: &'static Location<'static>,
        now: Instant,
        deadline: Option<std::time::Instant>,
    ) -> Option<Lease> {
        let shared = &self.0;
        let fits = |session: &Session| shared.trusts(session, now) && session.is_allowed(deadline, now);
        let (session, loan) = shared.state().lend_at_hand(place, now, fits)?;
        shared.meter.waited(Duration::ZERO);
        Some(Lease::new(session, loan, now, Arc::clone(shared)))
    }

    /// The same, waiting for it and making it so if need be.
    pub(crate) async fn acquire_allowed(
        &self,
        place: &'static Location<'static>,
        began: Instant,
        deadline: Option<std::time::Instant>,
    ) -> Result<Lease, Error> {
        let mut lease = self.acquire_until(place, began, deadline).await?;
        lease.allow(deadline).await?;
        Ok(lease)
    }

    /// Asks a session whether it lives. One that does not is gone with its lease.
    async fn revive(&self, lease: &mut Lease, deadline: Option<std::time::Instant>) -> Result<bool, Error> {
        let shared = &self.0;
        let doubts = shared.doubts.load(Ordering::Relaxed);
        match until(deadline, tokio::time::timeout(VALIDATION, lease.ping())).await {
            Ok(Ok(true)) => {
                lease.session().doubts = doubts;
                Ok(true)
            }
            Ok(Ok(false)) => Ok(false),
            Ok(Err(_silent)) => {
                // The others are as old, and asking each of them would take as long.
                shared.retire();
                Ok(false)
            }
            Err(_elapsed) => Err(shared.too_late()),
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        self.0.state().stats()
    }

    /// Hands out nothing more, waits until everything is back and closes it. `false` if `deadline` came first.
    pub(crate) async fn close(&self, deadline: Instant) -> bool {
        let shared = &self.0;
        let waiting = shared.state().close(Instant::now());
        for waiter in waiting {
            // Who is gone need not know.
            let _ = waiter.answer.send(Err(shared.refuse(state::CLOSED)));
        }
        let drained = async {
            loop {
                let mut returned = std::pin::pin!(shared.returned.notified());
                // From now on, so that nothing comes back unheard between the look and the wait.
                returned.as_mut().enable();
                let idle = shared.state().take_idle();
                for session in idle {
                    // One that cannot say goodbye is gone all the same.
                    let _ = session.connection.close().await;
                }
                if shared.state().is_empty() {
                    break;
                }
                returned.await;
            }
        };
        tokio::time::timeout_at(deadline, drained).await.is_ok()
    }
}
