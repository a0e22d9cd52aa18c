use std::fmt;
use std::time::Duration;

use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};

/// The part of [`SqlConfig`](crate::SqlConfig) that names servers which follow the one that writes. Not on SQLite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplicasConfig {
    /// Where they are. Each has a pool of its own, as large as that of the server that writes. Default: none.
    pub urls: Vec<ReplicaUrl>,
    /// One that is farther behind than this is not read from. Default 10 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub max_lag: Duration,
    /// How often each is asked how far behind it is, give or take a fifth. Default 1 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub probe_interval: Duration,
}

impl Default for ReplicasConfig {
    fn default() -> Self {
        Self { urls: Vec::new(), max_lag: Duration::from_secs(10), probe_interval: Duration::from_secs(1) }
    }
}

impl ReplicasConfig {
    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        if self.probe_interval < Duration::from_millis(10) {
            let shown = format!("{:?}", self.probe_interval);
            return Err(InvalidConfig::new("probe_interval", shown, "must be at least 10ms"));
        }
        if self.urls.len() > 64 {
            return Err(InvalidConfig::new("urls", self.urls.len(), "must be at most 64"));
        }
        Ok(())
    }
}

/// The URL of a replica. It may hold a password, so `Debug` prints `***`; serializing writes it in full.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplicaUrl(String);

impl ReplicaUrl {
    /// The URL, password included.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for ReplicaUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl From<&str> for ReplicaUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for ReplicaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
