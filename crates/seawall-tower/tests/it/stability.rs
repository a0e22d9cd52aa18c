use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backon::BackoffBuilder;
use seawall_core::{ByKind, CircuitBreakerConfig, HedgeConfig, RateLimitConfig, RetryBudgetConfig};
use seawall_tower::{Load, Pipeline, PipelineConfig, RetryConfig, StabilityWarning};

const SECOND: Duration = Duration::from_secs(1);

fn config(change: impl FnOnce(&mut PipelineConfig)) -> PipelineConfig {
    let mut config = PipelineConfig::default();
    change(&mut config);
    config.validate().unwrap();
    config
}

fn attempts(config: &mut PipelineConfig, attempts: u32) {
    config.retry.max_attempts = NonZeroU32::new(attempts).unwrap();
}

fn load(calls_per_second: f64, clients: u32, capacity: f64) -> Load {
    Load { calls_per_second, clients: NonZeroU32::new(clients).unwrap(), capacity }
}

/// What is wrong, as told.
fn told(change: impl FnOnce(&mut PipelineConfig)) -> Vec<String> {
    config(change).lint().iter().map(ToString::to_string).collect()
}

#[test]
fn the_defaults_go_together() {
    assert_eq!(told(|_| ()), [""; 0]);
    // Nor is anything wrong where nothing limits the time.
    assert_eq!(told(|config| (config.deadline, config.attempt_timeout) = (None, None)), [""; 0]);
}

#[test]
fn attempts_and_their_waits_are_held_against_the_deadline() {
    assert_eq!(
        told(|config| attempts(config, 5)),
        ["5 attempts of 8s and up to 750ms of waits between them take longer than the deadline of 30s: \
          the last attempt is never made, or cut short"]
    );
    // The last attempt has 4.65 s of its 8 s, then 3.65 s.
    let deadline = |seconds| told(|config| config.deadline = Some(seconds * SECOND));
    assert_eq!((deadline(29).len(), deadline(28).len()), (0, 1));
    // One attempt has no last one to cut, unless its own time is beyond all reason.
    let alone = |timeout| {
        told(|config| {
            attempts(config, 1);
            config.attempt_timeout = Some(timeout);
            config.circuit_breaker.half_open_lease = timeout + SECOND;
            config.circuit_breaker.time_window = Some(2 * timeout);
        })
    };
    assert_eq!((alone(40 * SECOND).len(), alone(61 * SECOND).len()), (0, 1));
}

#[test]
fn waits_count_as_long_as_they_may_become() {
    let retry = RetryConfig { base_delay: 3 * SECOND, max_delay: 20 * SECOND, ..RetryConfig::default() };
    let warnings = config(|config| {
        config.retry = retry;
        config.attempt_timeout = Some(SECOND);
    })
    .lint();
    // 3 s, 6 s and 12 s, and the three attempts before the last: 24 s of 30 s.
    assert_eq!(warnings, []);
    let warnings = config(|config| {
        config.retry.base_delay = 20 * SECOND;
        config.retry.max_delay = 20 * SECOND;
        config.attempt_timeout = Some(SECOND);
    })
    .lint();
    let [StabilityWarning::AttemptsOutlastDeadline { waits, .. }] = warnings[..] else {
        panic!("{warnings:?}")
    };
    assert_eq!(waits, 30 * SECOND, "more than the deadline is not worth counting");
}

#[test]
fn waits_are_those_of_the_retry_policy() {
    for (base, factor, longest, number) in [
        (50, 2.0, 5000, 3),
        (50, 2.0, 5000, 20),
        (100, 1.0, 5000, 7),
        (0, 2.0, 0, 4),
        (30, 1.5, 100, 9),
        (9, 3.0, 9, 5),
    ] {
        let retry = RetryConfig {
            base_delay: Duration::from_millis(base),
            factor,
            max_delay: Duration::from_millis(longest),
            max_attempts: NonZeroU32::new(number).unwrap(),
            ..RetryConfig::default()
        };
        let sum: Duration = retry.backoff().build().take(number as usize - 1).sum();
        let warnings = config(|config| {
            (config.attempt_timeout, config.deadline) = (Some(900 * SECOND), Some(1000 * SECOND));
            config.retry = retry.clone();
        })
        .lint();
        let StabilityWarning::AttemptsOutlastDeadline { waits, .. } = warnings[0] else {
            panic!("{warnings:?}")
        };
        assert!(waits.abs_diff(sum) < Duration::from_millis(1), "{waits:?}, not {sum:?}, for {retry:?}");
    }
}

#[test]
fn any_number_of_attempts_is_judged_at_once() {
    for delay in [Duration::ZERO, Duration::from_nanos(1), SECOND] {
        let warnings = config(|config| {
            attempts(config, u32::MAX);
            (config.retry.base_delay, config.retry.max_delay) = (delay, delay);
        })
        .lint();
        assert_eq!(warnings.len(), 1);
    }
}

#[test]
fn the_time_window_is_held_against_attempts_where_it_stands_alone() {
    let window = |window, count_window| {
        let breaker = CircuitBreakerConfig { count_window, ..CircuitBreakerConfig::default() };
        told(|config| config.circuit_breaker = CircuitBreakerConfig { time_window: Some(window), ..breaker })
    };
    assert_eq!(
        window(10 * SECOND, None),
        [
            "the breaker's time window of 10s is shorter than two attempts of 8s, and there is no count window beside \
          it: attempts that hang do not open the circuit"
        ]
    );
    assert_eq!(window(20 * SECOND, None), [""; 0]);
    assert_eq!(window(10 * SECOND, NonZeroU32::new(100)), [""; 0]);
}

#[test]
fn the_lease_of_a_probe_is_held_against_an_attempt() {
    let lease = |timeout, deadline| {
        told(|config| {
            attempts(config, 1);
            (config.attempt_timeout, config.deadline) = (timeout, deadline);
            config.circuit_breaker.time_window = Some(60 * SECOND);
        })
    };
    let message = "the half-open lease of 15s is not longer than an attempt of 15s and up to 2s of waits before it: \
                   a probe that hangs is given up before it times out, and has no say";
    assert_eq!(lease(Some(15 * SECOND), Some(30 * SECOND)), [message]);
    // Without a time-out of its own, the deadline is an attempt's.
    assert_eq!(lease(None, Some(15 * SECOND)), [message]);
    assert_eq!(lease(Some(20 * SECOND), Some(15 * SECOND)), [message]);
    // A probe waits at the concurrency limit first, for two seconds at most.
    assert_eq!(lease(Some(12 * SECOND), None), [""; 0]);
    assert_eq!(lease(Some(13 * SECOND), None).len(), 1);
    assert_eq!(lease(Some(13 * SECOND), Some(14 * SECOND)), [""; 0]);
}

#[test]
fn waits_for_a_turn_are_held_against_the_deadline() {
    let rate_limit = RateLimitConfig { max_wait: Some(SECOND), ..RateLimitConfig::default() };
    let waits = |deadline| {
        told(|config| {
            attempts(config, 1);
            config.attempt_timeout = Some(SECOND);
            (config.deadline, config.rate_limit) = (Some(deadline), Some(rate_limit.clone()));
        })
    };
    assert_eq!(
        waits(3 * SECOND),
        ["calls may wait 3s for their turn and have a deadline of 3s: they are let in when it is too late"]
    );
    assert_eq!(waits(3 * SECOND + Duration::from_millis(1)), [""; 0]);
}

#[test]
fn the_delays_of_hedges_are_held_against_the_deadline() {
    let told = |delay, hedges| {
        let max_hedges = NonZeroU32::new(hedges).unwrap();
        let hedge = HedgeConfig { fixed_delay: delay, max_hedges, ..HedgeConfig::default() };
        PipelineConfig::default().lint_hedge(&hedge).map(|warning| warning.to_string())
    };
    assert_eq!(told(None, 1), None);
    assert_eq!(told(Some(10 * SECOND), 2), None);
    assert_eq!(
        told(Some(10 * SECOND), 3).unwrap(),
        "3 hedges, each 10s after the one before, do not fit into the deadline of 30s: the last is never sent"
    );
}

#[test]
fn what_retries_add_must_stay_within_what_the_target_bears() {
    // Finagle's defaults of 20 % and 10 retries a second for each client: 800 × 1.2 + 50 × 10.
    let finagle = RetryBudgetConfig { ratio: 0.2, trickle: 10.0, ..RetryBudgetConfig::default() };
    let expected = load(800.0, 50, 1000.0);
    assert_eq!(
        told(|config| (config.retry_budget, config.expected_load) = (finagle.clone(), Some(expected))),
        [
            "800 calls a second, 0.2 retries for each and 10 a second from each of 50 clients are 1460.0 a second at \
          worst, and the target bears 1000: retries can keep it down"
        ]
    );
    // Ours: 800 × 1.1 + 50 × 0.1 = 885.
    assert_eq!(told(|config| config.expected_load = Some(expected)), [""; 0]);
    assert_eq!(told(|config| config.expected_load = Some(load(800.0, 50, 885.1))), [""; 0]);
    assert_eq!(told(|config| config.expected_load = Some(load(800.0, 50, 885.0))).len(), 1);
    // Who never retries adds nothing.
    let only_once = |config: &mut PipelineConfig| {
        attempts(config, 1);
        (config.retry_budget, config.expected_load) = (finagle, Some(load(800.0, 50, 801.0)));
    };
    assert_eq!(told(only_once), [""; 0]);
}

#[test]
fn a_load_that_makes_no_sense_is_refused() {
    let message = |load: Load| {
        let config = PipelineConfig { expected_load: Some(load), ..PipelineConfig::default() };
        config.validate().unwrap_err().to_string()
    };
    assert_eq!(message(load(f64::NAN, 1, 1.0)), "expected_load.calls_per_second is NaN: must be at least 0");
    assert_eq!(message(load(1.0, 1, 0.0)), "expected_load.capacity is 0: must be above 0");
}

#[test]
fn a_pipeline_tells_what_is_wrong_with_it() {
    let config = config(|config| attempts(config, 9));
    let pipeline = Pipeline::new("test", &config, ByKind, Arc::new(())).unwrap();
    let rules: Vec<_> = pipeline.warnings().iter().map(StabilityWarning::rule).collect();
    assert_eq!(rules, ["attempts_outlast_deadline"]);
}
