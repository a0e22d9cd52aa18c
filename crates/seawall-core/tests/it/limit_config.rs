use std::num::NonZeroU32;
use std::time::Duration;

use seawall_core::{InvalidConfig, LimitAlgorithm, LimitConfig};

#[test]
fn the_defaults_of_a_limit_are_those_that_the_documentation_lists() {
    LimitConfig::default().validate().unwrap();
    assert_eq!(
        serde_json::to_string_pretty(&LimitConfig::default()).unwrap(),
        r#"{
  "algorithm": "aimd",
  "initial": 50.0,
  "min": 0.1,
  "max": 500,
  "backoff_ratio": 0.5,
  "recovery_time": "8s",
  "max_pause": "2s",
  "vegas_alpha": 3.0,
  "vegas_beta": 6.0,
  "gradient_tolerance": 1.5,
  "smoothing": 0.2,
  "latency_window": 100
}"#
    );
    assert_eq!(serde_json::from_str::<LimitConfig>("{}").unwrap(), LimitConfig::default());
    let fixed: LimitConfig = serde_json::from_str(r#"{"algorithm": "fixed", "max": 20}"#).unwrap();
    assert_eq!(fixed, LimitConfig::fixed(NonZeroU32::new(20).unwrap()));
    assert_eq!(fixed.algorithm, LimitAlgorithm::Fixed);
    assert!(serde_json::from_str::<LimitConfig>(r#"{"maximum": 20}"#).is_err());
}

#[test]
fn a_bad_value_of_a_limit_is_named_with_its_rule() {
    let default = LimitConfig::default;
    for (config, message) in [
        (LimitConfig { initial: -1.0, ..default() }, "initial is -1: must be above 0"),
        (LimitConfig { min: f64::NAN, ..default() }, "min is NaN: must be at least 0.001 and at most max"),
        (LimitConfig { min: 501.0, ..default() }, "min is 501: must be at least 0.001 and at most max"),
        (LimitConfig { backoff_ratio: 1.0, ..default() }, "backoff_ratio is 1: must be above 0 and below 1"),
        (
            LimitConfig { recovery_time: Duration::ZERO, ..default() },
            "recovery_time is 0ns: must be at least 100ms",
        ),
        (LimitConfig { max_pause: Duration::ZERO, ..default() }, "max_pause is 0ns: must be above zero"),
        (LimitConfig { vegas_alpha: 0.0, ..default() }, "vegas_alpha is 0: must be above 0"),
        (LimitConfig { vegas_beta: 2.0, ..default() }, "vegas_beta is 2: must be at least vegas_alpha"),
        (
            LimitConfig { gradient_tolerance: 0.9, ..default() },
            "gradient_tolerance is 0.9: must be at least 1",
        ),
        (LimitConfig { smoothing: 1.1, ..default() }, "smoothing is 1.1: must be above 0 and at most 1"),
    ] {
        assert_eq!(config.validate().as_ref().map_err(InvalidConfig::to_string), Err(message.to_owned()));
    }
}
