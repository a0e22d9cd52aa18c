//! Serde form of an `Option<T>` whose default is `Some`: the value, or the word `"off"`.
//!
//! TOML has no null, so a knob that can be switched off needs a word for it. Use it as
//! `#[serde(with = "seawall_core::or_off")]`; `or_off::duration` is the same for durations.
//!
//! ```
//! use seawall_core::CircuitBreakerConfig;
//!
//! let config: CircuitBreakerConfig =
//!     serde_json::from_str(r#"{"consecutive_failures": "off", "time_window": "30s"}"#).unwrap();
//! assert_eq!(config.consecutive_failures, None);
//! assert_eq!(config.time_window.unwrap().as_secs(), 30);
//! ```

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const OFF: &str = "off";

#[derive(Deserialize)]
enum Off {
    #[serde(rename = "off")]
    Off,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a value of the knob's type and range, or \"off\"")]
enum Switch<T> {
    Off(Off),
    On(T),
}

impl<T> Switch<T> {
    fn into_option(self) -> Option<T> {
        match self {
            Self::Off(Off::Off) => None,
            Self::On(value) => Some(value),
        }
    }
}

/// Writes the value, or `"off"`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<T: Serialize, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => serializer.serialize_str(OFF),
    }
}

/// Reads the value, or `"off"`.
///
/// # Errors
/// Those of the deserializer, and a value that is neither.
pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Switch::deserialize(deserializer).map(Switch::into_option)
}

/// The same for `Option<Duration>`, written as [`friendly_duration`](crate::friendly_duration) writes them.
pub mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    struct Friendly(#[serde(with = "crate::friendly_duration")] Duration);

    /// Writes the duration, or `"off"`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(duration) => crate::friendly_duration::serialize(duration, serializer),
            None => serializer.serialize_str(super::OFF),
        }
    }

    /// Reads the duration, or `"off"`.
    ///
    /// # Errors
    /// Those of the deserializer, and a value that is neither.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        super::Switch::<Friendly>::deserialize(deserializer)
            .map(|switch| switch.into_option().map(|Friendly(duration)| duration))
    }
}
