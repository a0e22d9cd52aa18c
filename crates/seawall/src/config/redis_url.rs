use std::fmt;

use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};

const OFF: &str = "off";

/// The address of a Redis, `redis://USER:PASSWORD@HOST:PORT/DATABASE` (`rediss://` by TLS), or `off`: a system has none
/// by default. With the feature `redis-sentinel` also `redis-sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/PRIMARY/DATABASE`,
/// with the feature `redis-cluster` also `redis-cluster://USER:PASSWORD@HOST:PORT,HOST:PORT`.
///
/// It may hold a password, so it is never shown: `Debug` prints `***`. Serializing writes it in full.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// The address, password included; `None` if there is none.
    pub fn expose(&self) -> Option<&str> {
        (self.0 != OFF).then_some(&*self.0)
    }

    /// Tells a mistake in a file or variable while it is still known where it was made. All else, and whoever sets
    /// the address in code, hears from the client.
    pub(super) fn check_scheme(&self) -> Result<(), InvalidConfig> {
        let known = [
            "redis",
            "rediss",
            "redis-cluster",
            "rediss-cluster",
            "redis-sentinel",
            "rediss-sentinel",
            "unix",
        ];
        match self.0.split_once(':') {
            Some((scheme, _)) if known.contains(&scheme) => Ok(()),
            None if self.0 == OFF => Ok(()),
            _ => Err(InvalidConfig::new(
                "redis_url",
                "***",
                "must begin with `redis:`, `rediss:` (by TLS), `redis-cluster:`, `redis-sentinel:` or `unix:`, or be \"off\"",
            )),
        }
    }
}

impl Default for RedisUrl {
    fn default() -> Self {
        OFF.into()
    }
}

impl From<String> for RedisUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl From<&str> for RedisUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.expose().is_some() { "***" } else { OFF })
    }
}
