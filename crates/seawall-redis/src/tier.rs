use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use seawall_cache::{SecondTier, TierFuture, TierListener};

use crate::commands::milliseconds;
use crate::pubsub::Channels;
use crate::{Gap, Heard, Redis, Script, SetOptions, Subscription};

/// Takes key, head, value, time to live in ms; says whether it was set.
const REPLACE: &str = r"
local there = redis.call('GETRANGE', KEYS[1], 0, math.max(#ARGV[1] - 1, 0))
if ARGV[1] == '' then
  if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
elseif there ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
";

/// Redis as the second tier of caches: what processes share behind the memory of each.
///
/// What one process invalidates all others hear over a channel, at once. A subscription may miss messages while its
/// connection is gone: as soon as it is back, and already when it is lost, the memory of this process is given up as a
/// whole. (The driver's own cache is not used: it answers wrongly where keys collide.)
///
/// ```no_run
/// # async fn example(redis: seawall_redis::Redis) -> Result<(), Box<dyn std::error::Error>> {
/// use seawall_redis::RedisTier;
///
/// let tier = RedisTier::new(&redis, "shop");
/// # let _ = tier;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisTier(Arc<Shared>);

struct Shared {
    redis: Redis,
    /// What keys and the channel begin with.
    prefix: String,
    replace: Script,
}

impl RedisTier {
    /// A tier whose keys, and channel, begin with `prefix`.
    pub fn new(redis: &Redis, prefix: impl Into<String>) -> Self {
        let replace = Script::new(REPLACE);
        Self(Arc::new(Shared { redis: redis.clone(), prefix: prefix.into(), replace }))
    }

    fn key(&self, key: &str) -> String {
        format!("{}:{key}", self.0.prefix)
    }

    fn channel(&self) -> String {
        format!("{}:invalidations", self.0.prefix)
    }
}

impl SecondTier for RedisTier {
    fn get<'a>(&'a self, keys: &'a [String]) -> TierFuture<'a, Vec<Option<Bytes>>> {
        let redis = &self.0.redis;
        Box::pin(async move {
            let found: Vec<Option<Vec<u8>>> = match keys {
                [] => Vec::new(),
                // What a replica still has may have been invalidated.
                [key] => vec![redis.command("GET").arg(self.key(key)).at_primary().query().await?],
                keys => {
                    let keys: Vec<String> = keys.iter().map(|key| self.key(key)).collect();
                    redis.command("MGET").arg(&keys).at_primary().query().await?
                }
            };
            Ok(found.into_iter().map(|value| value.map(Bytes::from)).collect())
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: Bytes, ttl: Duration) -> TierFuture<'a, ()> {
        let options = SetOptions { ttl: Some(ttl), ..SetOptions::default() };
        Box::pin(async move {
            self.0.redis.set_with(self.key(key), value.as_ref(), options).await?;
            Ok(())
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        head: &'a [u8],
        value: Bytes,
        ttl: Duration,
    ) -> TierFuture<'a, bool> {
        let Shared { redis, replace, .. } = &*self.0;
        Box::pin(async move {
            let call = replace.on(redis).key(self.key(key)).arg(head).arg(value.as_ref());
            call.arg(milliseconds(ttl)).query().await
        })
    }

    fn publish(&self, message: Bytes) -> TierFuture<'_, ()> {
        Box::pin(async move { self.0.redis.publish(self.channel(), message.as_ref()).await.map(drop) })
    }

    /// Listens until the listener is gone or the client is closed. Must be called within a tokio runtime.
    fn listen(&self, listener: Weak<dyn TierListener>) {
        let Ok(post) = self.0.redis.post() else { return };
        let channels = Channels { names: vec![self.channel()], patterns: Vec::new() };
        let mut subscription = Subscription::lazy(post, channels);
        tokio::spawn(async move {
            while let Some(heard) = subscription.next().await {
                let Some(listener) = listener.upgrade() else { return };
                match heard {
                    Heard::Message(message) => listener.heard(message.bytes()),
                    Heard::Gap(Gap::Lost | Gap::Resumed | Gap::Overflowed) => listener.missed(),
                }
            }
        });
    }
}

impl fmt::Debug for RedisTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTier").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}
