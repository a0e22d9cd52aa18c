//! What it costs that one good probe closes a circuit, when the backend answers probes and nothing else.

use std::time::Duration;

use seawall_core::{CircuitBreaker, CircuitBreakerConfig, CircuitState, FailureKind, Outcome};

use crate::retry_budget::some_instant;

/// Of two minutes of calls, the share that the circuit let through.
fn admitted(config: CircuitBreakerConfig, calls_a_second: u32) -> f64 {
    let mut now = some_instant();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut breaker = CircuitBreaker::new(config, now).unwrap();
    let calls = 120 * calls_a_second;
    let mut admitted = 0;
    for _ in 0..calls {
        now += Duration::from_secs(1) / calls_a_second;
        let Ok(admission) = breaker.enter(now) else { continue };
        admitted += 1;
        let fails = Outcome::failure(FailureKind::Transient);
        let outcome = if breaker.state() == CircuitState::HalfOpen { Outcome::Success } else { fails };
        breaker.exit(admission, Some(outcome), now, &mut rng);
    }
    f64::from(admitted) / f64::from(calls)
}

#[test]
fn a_backend_that_answers_only_probes_gets_a_share_of_the_calls_that_is_the_less_the_more_there_are() {
    for (calls_a_second, at_most) in [(20, 0.7), (100, 0.2), (1_000, 0.03)] {
        let share = admitted(CircuitBreakerConfig::default(), calls_a_second);
        assert!(share < at_most, "{share} of {calls_a_second} a second");
    }
}
