use std::borrow::Cow;
use std::fmt;

/// A configuration that cannot work: which field, what it holds, and what it must hold.
///
/// ```
/// use seawall_core::CircuitBreakerConfig;
///
/// let config = CircuitBreakerConfig { failure_rate_threshold: Some(1.5), ..CircuitBreakerConfig::default() };
/// let invalid = config.validate().unwrap_err().within("circuit_breaker");
/// assert_eq!(invalid.to_string(), "circuit_breaker.failure_rate_threshold is 1.5: must be above 0 and at most 1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    field: Cow<'static, str>,
    value: String,
    rule: Cow<'static, str>,
}

impl InvalidConfig {
    /// Says that `field` holds `value` against `rule`, which reads on from "is …:", such as `must be above 0`.
    ///
    /// `value` is shown: hand over no secret.
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        value: impl fmt::Display,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), value: value.to_string(), rule: rule.into() }
    }

    /// Puts the path of the enclosing section before the field: `retry` makes `retry.factor` of `factor`.
    pub fn within(mut self, section: &str) -> Self {
        self.field = Cow::Owned(format!("{section}.{}", self.field));
        self
    }

    /// The path of the field, sections joined by dots.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What it holds.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What it must hold, such as `must be above 0`.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}: {}", self.field, self.value, self.rule)
    }
}

impl std::error::Error for InvalidConfig {}
