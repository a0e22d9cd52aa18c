/// Serde form of a [`Duration`](std::time::Duration) that people can read: `"250ms"`, `"1m 30s"`.
///
/// Use it as `#[serde(with = "seawall_core::friendly_duration")]`; every Seawall configuration does.
/// `friendly_duration::option` is the same for `Option<Duration>`.
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Config {
///     #[serde(with = "seawall_core::friendly_duration")]
///     patience: std::time::Duration,
/// }
/// let config: Config = serde_json::from_str(r#"{"patience": "1m 30s"}"#).unwrap();
/// assert_eq!(config.patience.as_secs(), 90);
/// ```
pub mod friendly_duration {
    pub use jiff::fmt::serde::unsigned_duration::friendly::compact::optional as option;
    pub use jiff::fmt::serde::unsigned_duration::friendly::compact::required::{deserialize, serialize};
}
