use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use seawall_core::{InvalidConfig, friendly_duration, or_off};
use serde::{Deserialize, Serialize};

/// Configuration of an HTTP cache.
///
/// | field | default | what it is |
/// |---|---|---|
/// | `scope` | `shared` | whose cache it is: everybody's, or one user's |
/// | `capacity` | 67108864 (64 MiB) | the most that all stored responses may weigh, in bytes |
/// | `max_body` | 4194304 (4 MiB) | a larger body goes through without being stored, in bytes |
/// | `max_variants` | 8 | responses kept for one URL that `Vary` tells apart |
/// | `heuristic_fraction` | 0.1 | without a stated time, a response is fresh for this part of the time it had not changed |
/// | `max_heuristic` | 1 day | the longest time so guessed |
/// | `stale_while_revalidate` | `"off"` | where a response does not say: how long past its time it answers while it is renewed |
/// | `stale_if_error` | `"off"` | where nobody says: how long past its time it answers in place of an error |
/// | `remember_uncacheable` | 10 s | how long requests for what could not be stored do not wait for each other |
/// | `fetch_timeout` | 60 s | for a fetch from the origin, until its body is stored or handed on |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpCacheConfig {
    /// Whose cache it is.
    pub scope: CacheScope,
    /// The most that all stored responses may weigh, headers included, in bytes. Cannot be changed later.
    pub capacity: NonZeroU64,
    /// A larger body goes through to its caller without being stored. At most this much of each body that is being
    /// fetched is held. Must be less than the capacity.
    pub max_body: u64,
    /// How many responses are kept for one URL that its `Vary` tells apart; the newest are.
    pub max_variants: NonZeroUsize,
    /// A response that does not say how long it is fresh is fresh for this part of the time between its last change and
    /// its date; 0 to 1, and 0 turns that off.
    pub heuristic_fraction: f64,
    /// The longest time so guessed.
    #[serde(with = "friendly_duration")]
    pub max_heuristic: Duration,
    /// How long past its time a response answers at once while it is renewed, if it does not say itself; or `"off"`.
    #[serde(with = "or_off::duration")]
    pub stale_while_revalidate: Option<Duration>,
    /// How long past its time a response answers in place of an error, if neither it nor the request says; or `"off"`.
    #[serde(with = "or_off::duration")]
    pub stale_if_error: Option<Duration>,
    /// How long a URL whose answer could not be stored is remembered: requests for it do not wait for each other.
    #[serde(with = "friendly_duration")]
    pub remember_uncacheable: Duration,
    /// After this long a fetch is given up, or if its body has begun, its caller goes on alone. Above zero.
    #[serde(with = "friendly_duration")]
    pub fetch_timeout: Duration,
}

/// Whose cache it is (RFC 9111 §1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheScope {
    /// Everybody's: nothing that is `private`, and nothing fetched with credentials (`Authorization`, `Cookie`, a header
    /// marked as a secret, the client's own) or that sets cookies unless it says that it may be shared.
    #[default]
    Shared,
    /// One user's: `private` responses too, and `s-maxage` means nothing. Requests with other credentials or other
    /// cookies never get each other's responses.
    Private,
}

impl Default for HttpCacheConfig {
    fn default() -> Self {
        Self {
            scope: CacheScope::Shared,
            capacity: NonZeroU64::new(64 * 1024 * 1024).expect("64 MiB is not zero"),
            max_body: 4 * 1024 * 1024,
            max_variants: NonZeroUsize::new(8).expect("8 is not zero"),
            heuristic_fraction: 0.1,
            max_heuristic: Duration::from_hours(24),
            stale_while_revalidate: None,
            stale_if_error: None,
            remember_uncacheable: Duration::from_secs(10),
            fetch_timeout: Duration::from_mins(1),
        }
    }
}

impl HttpCacheConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    ///
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if self.max_body >= self.capacity.get() {
            return Err(InvalidConfig::new("max_body", self.max_body, "must be less than the capacity"));
        }
        if !(0.0..=1.0).contains(&self.heuristic_fraction) {
            let rule = "must be between 0 and 1";
            return Err(InvalidConfig::new("heuristic_fraction", self.heuristic_fraction, rule));
        }
        if self.fetch_timeout.is_zero() {
            return Err(InvalidConfig::new("fetch_timeout", "0s", "must be above zero"));
        }
        Ok(())
    }
}
