use std::time::Duration;

use seawall_core::{InvalidConfig, OutlierConfig};
use serde::{Deserialize, Serialize};

/// How a [`Balance`](super::Balance) chooses endpoints.
///
/// | field | default | |
/// |---|---|---|
/// | `latency_decay` | `10s` | how fast a measured response time is forgotten |
/// | `failure_penalty` | `1s` | how long a failed call is taken to have taken at least |
/// | `outlier` | [`OutlierConfig`] | when an endpoint is left alone |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BalanceConfig {
    /// In this time, the weight of what was measured falls to 37 %. Above zero. Default 10 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub latency_decay: Duration,
    /// A call that failed, or that was refused further down, is taken to have taken at least so long: an endpoint that
    /// fails fast must not look like a fast one. Default 1 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub failure_penalty: Duration,
    /// When an endpoint is left alone.
    pub outlier: OutlierConfig,
}

impl Default for BalanceConfig {
    fn default() -> Self {
        Self {
            latency_decay: Duration::from_secs(10),
            failure_penalty: Duration::from_secs(1),
            outlier: OutlierConfig::default(),
        }
    }
}

impl BalanceConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule, with its section: `outlier.window`.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if self.latency_decay.is_zero() {
            return Err(InvalidConfig::new("latency_decay", "0s", "must be above zero"));
        }
        self.outlier.validate().map_err(|invalid| invalid.within("outlier"))
    }
}
