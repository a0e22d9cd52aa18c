use std::num::NonZeroU32;
use std::time::Duration;

use http::uri::PathAndQuery;
use seawall_core::{InvalidConfig, friendly_duration, or_off};
use seawall_tower::BalanceConfig;
use serde::{Deserialize, Serialize};

/// How [`Endpoints`](super::Endpoints) are chosen and watched. Deadline, retries, hedging, circuits and limits are those
/// of the client that they are made of.
///
/// | field | default | |
/// |---|---|---|
/// | `balance` | [`BalanceConfig`] | which of two endpoints is taken, and when one is left alone |
/// | `health` | `off` | whether endpoints are asked how they do; or a [`HealthConfig`] |
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointsConfig {
    /// Which of two endpoints is taken, and when one is left alone.
    pub balance: BalanceConfig,
    /// Whether endpoints are asked how they do. Default `None` (`"off"`): not every service has a path for that.
    #[serde(with = "or_off")]
    pub health: Option<HealthConfig>,
}

impl EndpointsConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule, with its section: `health.interval`.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        self.balance.validate().map_err(|invalid| invalid.within("balance"))?;
        let health = self.health.as_ref().map_or(Ok(()), HealthConfig::validate);
        health.map_err(|invalid| invalid.within("health"))
    }
}

/// How each endpoint is asked whether it is well: by a GET that bypasses retries, circuit and limits. A status of 200 to
/// 299 says yes.
///
/// | field | default | |
/// |---|---|---|
/// | `path` | `/health` | what is asked for, below the endpoint's base address |
/// | `interval` | `10s` | from one probe to the next, a tenth more or less by chance |
/// | `timeout` | `2s` | an answer that takes longer is none |
/// | `unhealthy_threshold` | `3` | so many bad answers in a row take an endpoint out |
/// | `healthy_threshold` | `2` | so many good ones take it back |
///
/// The first answer of an endpoint decides alone. Until it is there, the endpoint is taken for a good one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthConfig {
    /// What is asked for, below the endpoint's base address. Begins with a slash. Default `/health`.
    pub path: String,
    /// From one probe to the next, a tenth more or less by chance. Above zero. Default 10 s.
    #[serde(with = "friendly_duration")]
    pub interval: Duration,
    /// An answer that takes longer is none. Above zero. Default 2 s.
    #[serde(with = "friendly_duration")]
    pub timeout: Duration,
    /// So many bad answers in a row take an endpoint out. Default 3.
    pub unhealthy_threshold: NonZeroU32,
    /// So many good ones in a row take it back. Default 2.
    pub healthy_threshold: NonZeroU32,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            path: "/health".to_owned(),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            unhealthy_threshold: const { NonZeroU32::new(3).unwrap() },
            healthy_threshold: const { NonZeroU32::new(2).unwrap() },
        }
    }
}

impl HealthConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if !self.path.starts_with('/') || PathAndQuery::try_from(self.path.as_str()).is_err() {
            return Err(InvalidConfig::new(
                "path",
                format!("{:?}", self.path),
                "must be a path from the slash on",
            ));
        }
        for (field, time) in [("interval", self.interval), ("timeout", self.timeout)] {
            if time.is_zero() {
                return Err(InvalidConfig::new(field, "0s", "must be above zero"));
            }
        }
        Ok(())
    }
}
