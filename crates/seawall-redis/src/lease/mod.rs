//! Leases: one process at a time does something, as far as processes and clocks behave.

mod scripts;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::Redis;
use crate::classify::LAYER;
use scripts::Scripts;

/// The right to do something that only one is to do at a time, for as long as it is renewed.
///
/// **What it does not promise.** It is held in one Redis: a failover to a replica that had not heard of it yet gives it to
/// somebody else, and so does an operator. A process that stands still (a pause of the machine, a debugger) may believe
/// that it holds it a moment longer than it does. So it saves double work; by itself it does not keep two from writing. For
/// that, hand its [`fence`](Self::fence) along with each write, and have whoever takes the write refuse one that is lower
/// than the highest it has seen: fences only grow, as long as the Redis keeps its data (M. Kleppmann, "How to do
/// distributed locking", 2016).
///
/// It is renewed in the background each third of its time, and given back when it is dropped. When it could not be renewed
/// in time, it is [`lost`](Self::lost): stop what you do.
///
/// ```no_run
/// # async fn example(redis: seawall_redis::Redis) -> Result<(), seawall_core::Error> {
/// use std::time::Duration;
///
/// if let Some(lease) = redis.try_lease("reports", Duration::from_secs(10)).await? {
///     tokio::select! {
///         () = lease.lost() => println!("somebody else may have it: stop"),
///         () = async { /* write, with lease.fence() */ } => lease.release().await?,
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Lease {
    held: Arc<Held>,
    task: AbortHandle,
    released: bool,
}

struct Held {
    redis: Redis,
    name: String,
    owner: String,
    ttl: Duration,
    fence: u64,
    scripts: Scripts,
    /// Until when it is certainly held, as far as this process knows; `None` once it is lost.
    until: watch::Sender<Option<Instant>>,
}

impl Redis {
    /// Takes the lease of this name for `ttl`, renewed until it is dropped; `None` if somebody else has it.
    ///
    /// # Errors
    /// As any call; [`FailureKind::Permanent`] for a `ttl` below 10 ms.
    pub async fn try_lease(&self, name: impl Into<String>, ttl: Duration) -> Result<Option<Lease>, Error> {
        let name = name.into();
        if ttl < Duration::from_millis(10) {
            return Err(Error::new(FailureKind::Permanent, LAYER, name)
                .not_executed()
                .with_message(format!("a lease of {ttl:?} is too short to be renewed")));
        }
        let owner = format!("{:032x}", fastrand::u128(..));
        let scripts = Scripts::new();
        // From before it was asked for, so that it is never believed to be held longer than it is.
        let asked = Instant::now();
        let Some(fence) = scripts.acquire(self, &name, &owner, ttl).await? else { return Ok(None) };
        let until = watch::Sender::new(Some(asked + ttl));
        let held = Arc::new(Held { redis: self.clone(), name, owner, ttl, fence, scripts, until });
        let task = tokio::spawn(renew(Arc::clone(&held))).abort_handle();
        Ok(Some(Lease { held, task, released: false }))
    }

    /// The same, tried again until `patience` is over or the context's deadline is; `None` if somebody else had it all
    /// that time.
    ///
    /// # Errors
    /// As [`try_lease`](Self::try_lease).
    pub async fn lease(
        &self,
        name: impl Into<String>,
        ttl: Duration,
        patience: Duration,
    ) -> Result<Option<Lease>, Error> {
        let name = name.into();
        let own = Instant::now().checked_add(patience);
        let context = CallContext::current_deadline().map(Instant::from_std);
        let until = [own, context].into_iter().flatten().min();
        loop {
            if let Some(lease) = self.try_lease(name.clone(), ttl).await? {
                return Ok(Some(lease));
            }
            // Spread, so that those who wait do not ask at the same moment.
            let pause = (ttl / 4).min(Duration::from_millis(250)).mul_f64(0.5 + fastrand::f64() / 2.0);
            let again = Instant::now() + pause;
            if until.is_some_and(|until| until <= again) {
                return Ok(None);
            }
            sleep_until(again).await;
        }
    }
}

impl Lease {
    /// Higher than that of everybody who held it before.
    pub fn fence(&self) -> u64 {
        self.held.fence
    }

    /// Whether it is certainly held, as far as this process knows.
    pub fn is_held(&self) -> bool {
        self.held.until.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until it is lost. Cancel safe.
    pub async fn lost(&self) {
        let mut until = self.held.until.subscribe();
        loop {
            let end = *until.borrow_and_update();
            let Some(end) = end else { return };
            tokio::select! {
                () = sleep_until(end) => if !self.is_held() { return },
                _ = until.changed() => {}
            }
        }
    }

    /// Gives it back.
    ///
    /// # Errors
    /// As any call; it then ends by itself when its time is over.
    pub async fn release(mut self) -> Result<(), Error> {
        self.released = true;
        self.task.abort();
        self.held.release().await
    }
}

impl Held {
    async fn release(&self) -> Result<(), Error> {
        self.scripts.release(&self.redis, &self.name, &self.owner).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
        // Where there is no runtime any more, it ends by itself.
        if !self.released
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let held = Arc::clone(&self.held);
            // At worst it ends when its time is over.
            runtime.spawn(async move { held.release().await });
        }
    }
}

/// Renews a lease until it is lost.
async fn renew(held: Arc<Held>) {
    let Held { redis, name, owner, ttl, scripts, until, .. } = &*held;
    loop {
        let end = *until.borrow();
        let Some(end) = end else { return };
        let now = Instant::now();
        if end <= now {
            until.send_replace(None);
            return;
        }
        // A third of its time after it was renewed, and soon again when that failed.
        let due = end - *ttl + *ttl / 3;
        let again = if due > now { due } else { now + (*ttl / 20).max(Duration::from_millis(1)) };
        sleep_until(again.min(end)).await;
        let asked = Instant::now();
        let renewal = scripts.renew(redis, name, owner, *ttl);
        match tokio::time::timeout_at(end, renewal).await {
            Ok(Ok(true)) => drop(until.send_replace(Some(asked + *ttl))),
            Ok(Ok(false)) => drop(until.send_replace(None)),
            // Nobody knows; what is known is until when it was held.
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("name", &self.held.name)
            .field("fence", &self.held.fence)
            .field("is_held", &self.is_held())
            .finish_non_exhaustive()
    }
}
