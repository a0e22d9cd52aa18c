//! Event streams, of real servers and of scripted ones.

mod real;
mod scripted;

use std::num::NonZeroU32;
use std::time::Duration;

use seawall_http::reconnect::ReconnectConfig;
use seawall_http::sse::SseConfig;

#[test]
fn the_defaults_are_those_of_the_tables() {
    let config = SseConfig::default();
    assert_eq!(config.max_event_size, 1_048_576);
    assert_eq!(config.idle_timeout, Some(Duration::from_secs(90)));
    let ReconnectConfig { first_wait, factor, max_wait, jitter, min_asked, max_asked, max_attempts } =
        config.reconnect;
    assert_eq!((first_wait, max_wait), (Duration::from_secs(1), Duration::from_secs(30)));
    assert_eq!((min_asked, max_asked), (Duration::from_millis(100), Duration::from_mins(5)));
    assert!((factor - 2.0).abs() < f64::EPSILON && (jitter - 1.0).abs() < f64::EPSILON);
    assert_eq!(max_attempts, None);
}

#[test]
fn a_configuration_survives_being_written_and_read() {
    let reconnect = ReconnectConfig { max_attempts: NonZeroU32::new(3), ..ReconnectConfig::default() };
    let config = SseConfig { idle_timeout: None, reconnect, ..SseConfig::default() };
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<SseConfig>(&written).unwrap(), config);
}

#[test]
fn what_cannot_work_is_refused_with_the_name_of_the_field() {
    let refused = |config: SseConfig| config.validate().unwrap_err().field().to_owned();
    let reconnect = |reconnect| SseConfig { reconnect, ..SseConfig::default() };
    let usual = ReconnectConfig::default();
    let zero = Duration::ZERO;
    assert_eq!(refused(SseConfig { max_event_size: 0, ..SseConfig::default() }), "max_event_size");
    assert_eq!(refused(SseConfig { idle_timeout: Some(zero), ..SseConfig::default() }), "idle_timeout");
    assert_eq!(
        refused(reconnect(ReconnectConfig { first_wait: zero, ..usual.clone() })),
        "reconnect.first_wait"
    );
    assert_eq!(refused(reconnect(ReconnectConfig { factor: 0.9, ..usual.clone() })), "reconnect.factor");
    assert_eq!(refused(reconnect(ReconnectConfig { jitter: f64::NAN, ..usual.clone() })), "reconnect.jitter");
    assert_eq!(refused(reconnect(ReconnectConfig { max_wait: zero, ..usual.clone() })), "reconnect.max_wait");
    assert_eq!(refused(reconnect(ReconnectConfig { max_asked: zero, ..usual })), "reconnect.max_asked");
}
