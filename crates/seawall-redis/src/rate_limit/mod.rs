//! A rate limit that all processes share: GCRA in one script, by the server's clock.
//!
//! The server keeps one number for each key, the theoretical arrival time of the next unit (the generic cell rate
//! algorithm, ITU-T I.371; B. Wilson, "Rate limiting, cells, and GCRA", 2013). It reads its own clock, so the clocks of
//! clients do not matter, and forgets a key once its limit is whole again.
//!
//! A key that was refused is refused in memory until it is worth asking again, so that a client that is far over its
//! limit costs the server nothing. A server that does not answer in time decides nothing: [`OnOutage`] does.

mod config;
mod decision;
mod denied;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind, InvalidConfig};
use tokio::time::Instant;

pub use config::{OnOutage, SharedRateLimitConfig};
pub use decision::{DecidedBy, Decision};
use denied::Denied;

use crate::classify::LAYER;
use crate::{Redis, Script};

/// Takes key, units' distance in µs, burst, cost; gives allowed, remaining, µs until it is worth asking, µs until whole.
const SCRIPT: &str = r"
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
if arrival < now then arrival = now end
local after = arrival + interval * cost
local wait = after - interval * burst - now
if wait > 0 then
  return {0, math.floor((interval * burst - (arrival - now)) / interval), math.ceil(wait), math.ceil(arrival - now)}
end
if after > now then
  redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
end
return {1, math.floor((interval * burst - (after - now)) / interval), 0, math.ceil(after - now)}
";

/// A rate limit that all processes share which use the same name over the same server. Clones share what they know.
///
/// ```no_run
/// # async fn example(redis: seawall_redis::Redis) -> Result<(), Box<dyn std::error::Error>> {
/// use seawall_redis::{SharedRateLimitConfig, SharedRateLimiter};
///
/// let limiter = SharedRateLimiter::new(&redis, "logins", &SharedRateLimitConfig::default())?;
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
    name: String,
    config: SharedRateLimitConfig,
    /// How far units are apart, in µs.
    interval: f64,
    script: Script,
    denied: Denied,
}

impl SharedRateLimiter {
    /// A limit by this name.
    ///
    /// # Errors
    /// What [`SharedRateLimitConfig::validate`] says.
    pub fn new(
        redis: &Redis,
        name: impl Into<String>,
        config: &SharedRateLimitConfig,
    ) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let interval = config.period.as_secs_f64() * 1e6 / f64::from(config.limit.get());
        Ok(Self(Arc::new(Shared {
            redis: redis.clone(),
            name: name.into(),
            config: config.clone(),
            interval,
            script: Script::new(SCRIPT),
            denied: Denied::new(config.max_denied.get()),
        })))
    }

    /// Takes so many units for this key, if it has as many left; a cost of 0 only asks.
    ///
    /// Cancel safe; whether units were taken for a call that was dropped is unknown.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] for a cost beyond the burst, which would never be allowed. What keeps the server from
    /// deciding is no error: see [`OnOutage`].
    pub async fn take(&self, key: &str, cost: u32) -> Result<Decision, Error> {
        let Shared { redis, name, config, interval, script, denied } = &*self.0;
        if cost > config.burst.get() {
            let message = format!("a cost of {cost} is beyond the burst of {}", config.burst);
            return Err(Error::new(FailureKind::Permanent, LAYER, name.clone())
                .not_executed()
                .with_message(message));
        }
        let now = Instant::now();
        if let Some(wait) = denied.remaining(key, cost, now) {
            return Ok(Decision::denied(wait, DecidedBy::Memory));
        }
        let key_of_server = format!("{name}:{{{key}}}");
        let call = script.on(redis).key(key_of_server).arg(*interval).arg(config.burst.get()).arg(cost);
        let answer = CallContext::current()
            .within(config.timeout, now.into_std())
            .scope(call.query::<(bool, i64, u64, u64)>())
            .await;
        match answer {
            Ok((allowed, remaining, retry_after, reset_after)) => {
                let retry_after = (!allowed).then(|| Duration::from_micros(retry_after));
                if let Some(wait) = retry_after {
                    denied.note(key, cost, now + wait, now);
                }
                Ok(Decision {
                    allowed,
                    remaining: u32::try_from(remaining).unwrap_or(0),
                    retry_after,
                    reset_after: Duration::from_micros(reset_after),
                    decided_by: DecidedBy::Server,
                })
            }
            Err(error) => {
                tracing::debug!(target: "seawall_redis", limit = name, %error, "the server did not decide");
                Ok(match config.on_outage {
                    OnOutage::Open => Decision::blind(),
                    OnOutage::Closed => Decision::denied(config.timeout, DecidedBy::Outage),
                })
            }
        }
    }
}

impl fmt::Debug for SharedRateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRateLimiter")
            .field("name", &self.0.name)
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
