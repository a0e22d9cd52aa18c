use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use seawall_core::{
    Admission, CircuitBreaker, CircuitBreakerConfig, CircuitMode, CircuitState, Event, FailureKind, Jitter,
    Outcome,
};

pub(crate) const FAILED: Outcome = Outcome::failure(FailureKind::Transient);

/// A breaker, its chance and its time, so that tests read as what happens.
pub(crate) struct Bench {
    pub(crate) breaker: CircuitBreaker,
    pub(crate) rng: fastrand::Rng,
    pub(crate) now: Instant,
}

impl Bench {
    pub(crate) fn new(config: CircuitBreakerConfig) -> Self {
        #[expect(clippy::disallowed_methods, reason = "some instant to start from; no test depends on which")]
        let now = Instant::now();
        let breaker = CircuitBreaker::new(config, now).unwrap();
        Self { breaker, rng: fastrand::Rng::with_seed(42), now }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub(crate) fn enter(&mut self) -> Option<Admission> {
        self.breaker.enter(self.now).ok()
    }

    pub(crate) fn exit(&mut self, admission: Admission, outcome: Option<Outcome>) -> Option<Event> {
        self.breaker.exit(admission, outcome, self.now, &mut self.rng)
    }

    pub(crate) fn call(&mut self, outcome: Outcome) -> Option<Event> {
        let admission = self.enter().expect("the circuit lets the call in");
        self.exit(admission, Some(outcome))
    }

    /// How many calls that fail it takes until the circuit opens.
    pub(crate) fn failures_until_open(&mut self) -> u32 {
        (1..=1_000).find(|_| matches!(self.call(FAILED), Some(Event::Opened { .. }))).expect("it opens")
    }
}

pub(crate) fn rates_only() -> CircuitBreakerConfig {
    CircuitBreakerConfig { consecutive_failures: None, ramp: Duration::ZERO, ..CircuitBreakerConfig::eager() }
}

fn count_window_only() -> CircuitBreakerConfig {
    CircuitBreakerConfig { time_window: None, ..rates_only() }
}

#[test]
fn a_count_window_of_100_at_half_opens_at_the_50th_failure_whatever_came_before() {
    for successes in [0, 1_000, 100_000] {
        let mut bench = Bench::new(count_window_only());
        for _ in 0..successes {
            assert_eq!(bench.call(Outcome::Success), None);
        }
        assert_eq!(bench.failures_until_open(), 50, "after {successes} successes");
    }
}

#[test]
fn half_of_twenty_calls_failing_within_the_time_window_opens_it() {
    let mut bench = Bench::new(rates_only());
    for call in 1..=19 {
        let outcome = if call % 2 == 0 { FAILED } else { Outcome::Success };
        assert_eq!(bench.call(outcome), None, "call {call}");
    }
    assert!(matches!(bench.call(FAILED), Some(Event::Opened { .. })));
}

#[test]
fn failures_older_than_the_time_window_are_forgotten() {
    let config = CircuitBreakerConfig { count_window: None, ..rates_only() };
    let mut bench = Bench::new(config);
    for _ in 0..19 {
        assert_eq!(bench.call(FAILED), None);
    }
    bench.pass(Duration::from_secs(10));
    for call in 1..=19 {
        assert_eq!(bench.call(FAILED), None, "call {call} of the new window");
    }
    assert!(matches!(bench.call(FAILED), Some(Event::Opened { .. })));
}

#[test]
fn five_failures_in_a_row_open_it_and_a_success_between_them_does_not() {
    let config = CircuitBreakerConfig { failure_rate_threshold: None, ..CircuitBreakerConfig::eager() };
    let mut bench = Bench::new(config);
    for _ in 0..4 {
        bench.call(FAILED);
    }
    bench.call(Outcome::Success);
    assert_eq!(bench.failures_until_open(), 5);
}

#[test]
fn twenty_slow_calls_open_it_though_they_succeed() {
    let mut bench = Bench::new(CircuitBreakerConfig::eager());
    let admissions: Vec<_> = (0..20).map(|_| bench.enter().unwrap()).collect();
    bench.pass(Duration::from_mins(1));
    let events: Vec<_> = admissions
        .into_iter()
        .filter_map(|admission| bench.exit(admission, Some(Outcome::Success)))
        .collect();
    assert!(matches!(events[..], [Event::Opened { .. }]), "{events:?}");
}

#[test]
fn dropped_cancelled_refused_and_permanent_results_do_not_speak_against_the_backend() {
    let mut bench = Bench::new(CircuitBreakerConfig::eager());
    for kind in [FailureKind::Cancelled, FailureKind::Refused, FailureKind::Permanent] {
        for _ in 0..200 {
            assert_eq!(bench.call(Outcome::failure(kind)), None);
        }
    }
    for _ in 0..200 {
        let admission = bench.enter().unwrap();
        assert_eq!(bench.exit(admission, None), None);
    }
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
}

#[test]
fn an_open_circuit_says_when_to_come_back_and_then_lets_a_probe_in() {
    let mut bench =
        Bench::new(CircuitBreakerConfig { wait_jitter: Jitter::None, ..CircuitBreakerConfig::eager() });
    bench.failures_until_open();
    bench.pass(Duration::from_secs(2));
    let refused = bench.breaker.enter(bench.now).unwrap_err();
    assert_eq!(refused.retry_after, Some(Duration::from_secs(3)));
    bench.pass(Duration::from_secs(3));
    let probe = bench.enter().unwrap();
    assert!(probe.is_probe());
    assert_eq!(probe.transition(), Some(Event::HalfOpened));
}

#[test]
fn the_open_time_doubles_up_to_its_limit_and_starts_over_after_a_good_while() {
    let config = CircuitBreakerConfig { wait_jitter: Jitter::None, ..CircuitBreakerConfig::eager() };
    let mut bench = Bench::new(config);
    let mut waits = vec![];
    for _ in 0..6 {
        let opened = loop {
            if let Some(Event::Opened { wait }) = bench.call(FAILED) {
                break wait;
            }
        };
        waits.push(opened.as_secs());
        bench.pass(opened);
    }
    assert_eq!(waits, [5, 10, 20, 40, 60, 60]);

    for _ in 0..3 {
        bench.call(Outcome::Success);
    }
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
    bench.pass(Duration::from_mins(2));
    let opened = std::iter::repeat_with(|| bench.call(FAILED)).find_map(|event| event);
    assert_eq!(opened, Some(Event::Opened { wait: Duration::from_secs(5) }));
}

#[test]
fn a_backend_that_asks_for_time_gets_it_up_to_the_limit() {
    for (asked, wait) in [(20, 20), (600, 60)] {
        let mut bench = Bench::new(CircuitBreakerConfig::eager());
        let overloaded =
            Outcome::failure(FailureKind::Overloaded { retry_after: Some(Duration::from_secs(asked)) });
        let opened = std::iter::repeat_with(|| bench.call(overloaded)).find_map(|event| event);
        assert_eq!(opened, Some(Event::Opened { wait: Duration::from_secs(wait) }));
    }
}

#[test]
fn a_late_failure_of_an_earlier_cycle_decides_nothing() {
    let mut bench = Bench::new(CircuitBreakerConfig { wait_jitter: Jitter::None, ..rates_only() });
    let late: Vec<_> = (0..100).map(|_| bench.enter().unwrap()).collect();
    bench.failures_until_open();
    bench.pass(Duration::from_secs(5));
    bench.call(Outcome::Success);
    assert_eq!(bench.breaker.state(), CircuitState::HalfOpen);
    for admission in late {
        assert_eq!(bench.exit(admission, Some(FAILED)), None);
    }
    assert_eq!(bench.breaker.state(), CircuitState::HalfOpen);
}

#[test]
fn an_operator_overrules_the_breaker_and_gives_it_back() {
    let mut bench =
        Bench::new(CircuitBreakerConfig { ramp: Duration::ZERO, ..CircuitBreakerConfig::eager() });
    let now = bench.now;
    assert_eq!(
        bench.breaker.switch(CircuitMode::ForcedOpen, now),
        Some(Event::Forced { state: "forced_open" })
    );
    assert_eq!(bench.breaker.switch(CircuitMode::ForcedOpen, now), None, "nothing new");
    assert_eq!(bench.breaker.enter(now).unwrap_err().retry_after, None);

    for mode in [CircuitMode::ForcedClosed, CircuitMode::Disabled] {
        bench.breaker.switch(mode, now);
        for _ in 0..200 {
            assert_eq!(bench.call(FAILED), None, "{mode:?}");
        }
    }
    bench.breaker.switch(CircuitMode::Auto, now);
    assert_eq!(bench.failures_until_open(), 5);
}

#[test]
fn a_circuit_that_only_watches_tells_what_it_would_do_and_refuses_nobody() {
    let mut bench = Bench::new(CircuitBreakerConfig::eager());
    bench.breaker.switch(CircuitMode::MetricsOnly, bench.now);
    let events: Vec<_> = (0..200).filter_map(|_| bench.call(FAILED)).collect();
    assert!(matches!(events[..], [Event::Opened { .. }]), "{events:?}");
    assert_eq!(bench.breaker.state(), CircuitState::MetricsOnly);
}

#[test]
fn a_new_configuration_keeps_what_the_windows_hold() {
    let mut bench = Bench::new(rates_only());
    for _ in 0..19 {
        bench.call(FAILED);
    }
    let config = CircuitBreakerConfig {
        time_window: Some(Duration::from_secs(30)),
        count_window: NonZeroU32::new(40),
        ..rates_only()
    };
    bench.breaker.reconfigure(config, bench.now).unwrap();
    assert_eq!(bench.failures_until_open(), 1);

    let mut bench = Bench::new(rates_only());
    let invalid = CircuitBreakerConfig { wait_factor: 0.5, ..rates_only() };
    assert!(bench.breaker.reconfigure(invalid, bench.now).is_err());
    assert_eq!(*bench.breaker.config(), rates_only());
}
