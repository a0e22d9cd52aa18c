use std::time::Duration;

use seawall_core::Error;

use crate::commands::milliseconds;
use crate::{Redis, Script};

/// Takes the lease, its fence; owner, time to live in ms. Gives the fence, or nothing. Asked again by the same owner, it
/// answers the same: its first answer may have been lost.
const ACQUIRE: &str = r"
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(redis.call('GET', KEYS[2]))
end
if holder then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('INCR', KEYS[2])
";

const RENEW: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
";

const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
";

/// All of them do once what they do twice.
pub(super) struct Scripts {
    acquire: Script,
    renew: Script,
    release: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let [acquire, renew, release] = [ACQUIRE, RENEW, RELEASE].map(|code| Script::new(code).idempotent());
        Self { acquire, renew, release }
    }

    pub(super) async fn acquire(
        &self,
        redis: &Redis,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<u64>, Error> {
        // The fence stays for ever, because it must never go back.
        let keys = [lease(name), format!("lease:{{{name}}}:fence")];
        self.acquire.on(redis).key(&keys).arg(owner).arg(milliseconds(ttl)).query().await
    }

    pub(super) async fn renew(
        &self,
        redis: &Redis,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, Error> {
        self.renew.on(redis).key(lease(name)).arg(owner).arg(milliseconds(ttl)).query().await
    }

    pub(super) async fn release(&self, redis: &Redis, name: &str, owner: &str) -> Result<(), Error> {
        self.release.on(redis).key(lease(name)).arg(owner).query::<u8>().await.map(drop)
    }
}

fn lease(name: &str) -> String {
    format!("lease:{{{name}}}")
}
