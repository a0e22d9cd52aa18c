use serde::Deserializer;

use super::{PipelineConfig, over};

impl PipelineConfig {
    /// Reads a configuration that has `defaults` for what it leaves out, in place of [`PipelineConfig::default`]: for
    /// clients whose pipelines have defaults of their own. That goes for the sections within it too: one that names the
    /// circuit breaker's `ramp` changes nothing else of the circuit breaker. A section whose default is `"off"` has its own
    /// type's defaults for what it leaves out.
    ///
    /// ```
    /// use std::time::Duration;
    /// use seawall_tower::PipelineConfig;
    ///
    /// let mut defaults = PipelineConfig { concurrency_limit: None, ..PipelineConfig::default() };
    /// defaults.circuit_breaker.ramp = Duration::ZERO;
    ///
    /// let text = r#"{"deadline": "5s", "circuit_breaker": {"wait_factor": 2.0}}"#;
    /// let mut json = serde_json::Deserializer::from_str(text);
    /// let config = PipelineConfig::deserialize_over(defaults, &mut json).unwrap();
    /// assert_eq!((config.deadline.unwrap().as_secs(), config.concurrency_limit), (5, None));
    /// assert_eq!((config.circuit_breaker.wait_factor, config.circuit_breaker.ramp), (2.0, Duration::ZERO));
    /// ```
    ///
    /// # Errors
    /// Those of the deserializer, and fields that there are none of.
    #[expect(clippy::needless_pass_by_value, reason = "they are whoever calls it's to give, and made for it")]
    pub fn deserialize_over<'de, D: Deserializer<'de>>(
        defaults: Self,
        deserializer: D,
    ) -> Result<Self, D::Error> {
        over::read(&defaults, deserializer)
    }
}
