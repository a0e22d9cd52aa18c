use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use seawall_core::{CallContext, Error, Event, FailureKind, InvalidConfig, Refusal};
use seawall_tower::Identity;
use tokio::time::{Instant, timeout_at};

use super::keys::{Key, Keys, Known, Place};
use super::script::SCRIPT;
use super::{DecidedBy, Decision, OnOutage, STRATEGY, SharedRateLimitConfig};
use crate::{Redis, Script};

const TOO_MUCH: &str = "the call takes more than the burst";
const NO_UNITS: &str = "no units are left for now";
const TOO_MANY: &str = "too many calls wait for their turn";
const OUTAGE: &str = "the server that keeps the limit did not answer in time";

/// A rate limit that all processes share which use the same name over the same server. Clones share what they know, and
/// so do all layers made from them.
///
/// ```no_run
/// # async fn example(redis: seawall_redis::Redis) -> Result<(), Box<dyn std::error::Error>> {
/// use seawall_redis::{SharedRateLimitConfig, SharedRateLimiter};
/// use seawall_tower::Identity;
///
/// let limiter = SharedRateLimiter::new(&redis, Identity::new("logins"), &SharedRateLimitConfig::default())?;
/// let decision = limiter.take("user:1", 1).await?;
/// if !decision.allowed {
///     println!("try again in {:?}", decision.retry_after);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SharedRateLimiter(Arc<Shared>);

struct Shared {
    redis: Redis,
    identity: Identity,
    active: RwLock<Arc<Active>>,
    script: Script,
    keys: Keys,
    waiting: AtomicUsize,
}

/// The configuration in force.
struct Active {
    config: SharedRateLimitConfig,
    /// How far units are apart, in µs.
    interval: f64,
}

impl Active {
    fn new(config: &SharedRateLimitConfig) -> Result<Arc<Self>, InvalidConfig> {
        config.validate()?;
        let interval = config.period.as_secs_f64() * 1e6 / f64::from(config.limit.get());
        Ok(Arc::new(Self { config: config.clone(), interval }))
    }
}

impl SharedRateLimiter {
    /// A limit by the name of this identity.
    ///
    /// # Errors
    /// What [`SharedRateLimitConfig::validate`] says.
    pub fn new(
        redis: &Redis,
        identity: Identity,
        config: &SharedRateLimitConfig,
    ) -> Result<Self, InvalidConfig> {
        Ok(Self(Arc::new(Shared {
            redis: redis.clone(),
            identity,
            active: RwLock::new(Active::new(config)?),
            script: Script::new(SCRIPT),
            keys: Keys::default(),
            waiting: AtomicUsize::new(0),
        })))
    }

    /// Takes so many units for this key, if it has as many left; a cost of 0 only asks. Does not wait for its turn, and
    /// does not stand behind those who do.
    ///
    /// Cancel safe; whether units were taken for a call that was dropped is unknown.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] for a cost beyond the burst, which would never be allowed. What keeps the server from
    /// deciding is no error: see [`OnOutage`].
    pub async fn take(&self, key: &str, cost: u32) -> Result<Decision, Error> {
        let active = self.active();
        if cost > active.config.burst.get() {
            return Err(self.refusal(FailureKind::Permanent, TOO_MUCH, None).into());
        }
        Ok(self.decide(&active, key, cost).await)
    }

    /// Takes so many units for this key, and waits for them: in the order in which the calls of this process came, and
    /// for as long as `max_wait` and the deadline of the [`CallContext`] allow.
    ///
    /// Cancel safe as [`take`](Self::take).
    ///
    /// # Errors
    /// [`FailureKind::Overloaded`] with the time to come back if the wait would be too long, if as many calls wait as may, or
    /// if the server does not answer and the limit is [`Closed`](OnOutage::Closed) then; [`FailureKind::Permanent`] for a
    /// cost beyond the burst.
    pub async fn acquire(&self, key: &str, cost: u32) -> Result<(), Refusal> {
        let active = self.active();
        let config = &active.config;
        if cost > config.burst.get() {
            return Err(self.refusal(FailureKind::Permanent, TOO_MUCH, None));
        }
        let now = Instant::now();
        let until = now + config.max_wait.unwrap_or_default();
        let until = CallContext::current_deadline().map_or(until, |deadline| until.min(deadline.into()));
        let has_line = |key: Arc<Key>| key.in_line.load(Relaxed) > 0;
        if !self.0.keys.find(key).is_some_and(has_line)
            && self.attempt(&active, key, cost, until).await?.is_none()
        {
            return Ok(());
        }
        let known = self.0.keys.entry(key, config.max_keys.get(), now);
        let Some(_place) = Place::take(&known.in_line, &self.0.waiting, config.max_waiting) else {
            return Err(self.overloaded(TOO_MANY, Some(config.max_wait.unwrap_or_default())));
        };
        let in_turn = async {
            let _turn = known.turn.lock().await;
            while let Some(wait) = self.attempt(&active, key, cost, until).await? {
                tokio::time::sleep(wait).await;
            }
            Ok(())
        };
        match timeout_at(until, in_turn).await {
            Ok(result) => result,
            Err(_elapsed) => Err(self.overloaded(NO_UNITS, known.denied_for(Instant::now()))),
        }
    }

    /// Puts another configuration in force, for clones and layers too. What was taken stays taken. All processes that share
    /// the limit should have the same.
    ///
    /// # Errors
    /// What [`SharedRateLimitConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &SharedRateLimitConfig) -> Result<(), InvalidConfig> {
        let result = Active::new(config).map(|active| {
            *self.0.active.write().unwrap_or_else(PoisonError::into_inner) = active;
            self.0.keys.forgive();
        });
        self.0.identity.tell_reconfigured(STRATEGY, &result);
        result
    }

    /// The configuration in force.
    pub fn config(&self) -> SharedRateLimitConfig {
        self.active().config.clone()
    }

    /// What the limiter guards.
    pub fn target(&self) -> &str {
        self.0.identity.target()
    }

    /// How many calls wait for their turn.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Relaxed)
    }

    /// Takes units that this process holds, without asking anybody.
    pub(super) fn take_held(&self, key: &str, cost: u32) -> bool {
        let known = (cost > 0).then(|| self.0.keys.find(key)).flatten();
        known.is_some_and(|key| {
            key.in_line.load(Relaxed) == 0 && matches!(key.spend(cost, Instant::now()), Known::Spent(..))
        })
    }

    /// Takes units, or says how long to wait for them.
    async fn attempt(
        &self,
        active: &Active,
        key: &str,
        cost: u32,
        until: Instant,
    ) -> Result<Option<Duration>, Refusal> {
        let decision = self.decide(active, key, cost).await;
        match decision.retry_after.filter(|_| !decision.allowed) {
            None => Ok(None),
            Some(wait) if decision.decided_by == DecidedBy::Outage => {
                Err(self.overloaded(OUTAGE, Some(wait)))
            }
            Some(wait) if Instant::now() + wait > until => Err(self.overloaded(NO_UNITS, Some(wait))),
            wait => Ok(wait),
        }
    }

    async fn decide(&self, active: &Active, name: &str, cost: u32) -> Decision {
        let config = &active.config;
        let now = Instant::now();
        // To ask for nothing is to ask the server.
        if cost == 0 {
            return self.ask(active, name, None, 0, 0).await;
        }
        let known = self.0.keys.find(name);
        if let Some(decision) = known.as_ref().and_then(|key| from_memory(key, cost, now)) {
            return decision;
        }
        let most = config.block.get();
        if cost >= most {
            return self.ask(active, name, known, cost, cost).await;
        }
        let key = known.unwrap_or_else(|| self.0.keys.entry(name, config.max_keys.get(), now));
        let until = CallContext::current().within(config.timeout, now.into_std()).deadline_at();
        let asking = timeout_at(until.map_or(now, Instant::from_std), key.asking.lock());
        let Ok(_alone) = asking.await else { return blind(config) };
        let now = Instant::now();
        if let Some(decision) = from_memory(&key, cost, now) {
            return decision;
        }
        let wanted = key.wanted(cost, most, now);
        self.ask(active, name, Some(Arc::clone(&key)), cost, wanted).await
    }

    async fn ask(
        &self,
        Active { config, interval }: &Active,
        name: &str,
        key: Option<Arc<Key>>,
        cost: u32,
        wanted: u32,
    ) -> Decision {
        let Shared { redis, identity, script, keys, .. } = &*self.0;
        let now = Instant::now();
        let target = identity.target();
        let call = script.on(redis).key(format!("{target}:{{{name}}}")).arg(*interval);
        let call = call.arg(config.burst.get()).arg(cost).arg(wanted);
        let context = CallContext::current().within(config.timeout, now.into_std());
        let answer = context.scope(call.query::<(i64, i64, u64, u64)>()).await;
        let (taken, left, wait, whole) = match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(target: "seawall_redis", limit = target, %error, "the server did not decide");
                return blind(config);
            }
        };
        let (left, whole) = (u32::try_from(left).unwrap_or(0), Duration::from_micros(whole));
        let Ok(taken) = u32::try_from(taken) else {
            let wait = Duration::from_micros(wait);
            let key = key.unwrap_or_else(|| keys.entry(name, config.max_keys.get(), now));
            key.deny(cost, now + wait);
            return Decision {
                remaining: left,
                reset_after: whole,
                ..Decision::denied(wait, DecidedBy::Server)
            };
        };
        if let Some(key) = key.filter(|_| cost < config.block.get()) {
            key.keep(taken, cost, now + config.block_hold, now + whole);
        }
        Decision::allowed(left.saturating_add(taken.saturating_sub(cost)), whole, DecidedBy::Server)
    }

    fn active(&self) -> Arc<Active> {
        Arc::clone(&self.0.active.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn overloaded(&self, reason: &'static str, retry_after: Option<Duration>) -> Refusal {
        self.refusal(FailureKind::Overloaded { retry_after }, reason, retry_after)
    }

    fn refusal(&self, kind: FailureKind, reason: &'static str, retry_after: Option<Duration>) -> Refusal {
        let identity = &self.0.identity;
        identity.tell(STRATEGY, &Event::Refused { reason, retry_after });
        let refusal = Refusal::new(STRATEGY, identity.target().to_owned(), kind, reason);
        match retry_after {
            Some(wait) => refusal.retry_after(wait),
            None => refusal,
        }
    }
}

fn from_memory(key: &Key, cost: u32, now: Instant) -> Option<Decision> {
    match key.spend(cost, now) {
        Known::Spent(left, whole) => Some(Decision::allowed(left, whole, DecidedBy::Memory)),
        Known::Denied(wait) => Some(Decision::denied(wait, DecidedBy::Memory)),
        Known::Nothing => None,
    }
}

/// The decision when nobody decides.
fn blind(config: &SharedRateLimitConfig) -> Decision {
    match config.on_outage {
        OnOutage::Open => Decision::allowed(0, Duration::ZERO, DecidedBy::Outage),
        OnOutage::Closed => Decision::denied(config.timeout, DecidedBy::Outage),
    }
}

impl fmt::Debug for SharedRateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRateLimiter")
            .field("target", &self.target())
            .field("config", &self.active().config)
            .finish_non_exhaustive()
    }
}
