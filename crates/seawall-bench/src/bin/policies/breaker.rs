//! Circuit breakers: closed, with a count window and with a time window, and open.

use std::io;
use std::time::Duration;

use failsafe::futures::CircuitBreaker as _;
use recloser::{AsyncRecloser, Recloser};
use seatbelt::breaker::Breaker;
use seatbelt::{RecoveryInfo, ResilienceContext};
use seawall_core::CircuitBreakerConfig;
use seawall_tower::{CircuitBreakerHandle, CircuitBreakerLayer, Identity};
use tick::Clock;
use tower::{Layer, Service, service_fn};
use tower_resilience_circuitbreaker as resilience;

use crate::backend::Backend;
use crate::executor::in_runtime;
use crate::subject::Subject;

/// Longer than any run: what is open stays open, and what is in the window stays in it.
const LONG: Duration = Duration::from_hours(1);

pub(crate) fn closed(backend: Backend) -> Vec<Subject> {
    vec![
        Subject::service("seawall", ours(backend, &count_window())),
        Subject::service("seawall, both windows", ours(backend, &CircuitBreakerConfig::eager())),
        Subject::service("recloser", recloser(backend)),
        Subject::service("tower-resilience", by_resilience(backend, |builder| builder)),
        Subject::service("seatbelt", by_seatbelt(backend)),
        Subject::service("failsafe", failsafe_by_default(backend)),
        Subject::service("failsafe, consecutive", failsafe_consecutive(backend)),
    ]
}

pub(crate) fn time_window(backend: Backend) -> Vec<Subject> {
    vec![
        Subject::anew("seawall", move || ours(backend, &time_window_of(Duration::from_secs(10)))),
        Subject::anew("tower-resilience", move || {
            by_resilience(backend, |builder| {
                builder
                    .sliding_window_type(resilience::SlidingWindowType::TimeBased)
                    .sliding_window_duration(Duration::from_secs(10))
                    .minimum_number_of_calls(20)
            })
        }),
    ]
}

pub(crate) fn full_time_window(backend: Backend) -> Vec<Subject> {
    let full = Subject::service("seawall, 100,000 calls in it", ours(backend, &time_window_of(LONG)));
    full.work().run(100_000);
    vec![full, Subject::anew("seawall, empty", move || ours(backend, &time_window_of(LONG)))]
}

pub(crate) fn open(backend: Backend) -> Vec<Subject> {
    let patient = CircuitBreakerConfig {
        wait_duration_in_open: LONG,
        max_wait_duration_in_open: LONG,
        ..count_window()
    };
    vec![
        Subject::tripped("seawall", ours(backend, &patient)),
        Subject::service("seawall, closed", ours(backend, &count_window())),
        Subject::tripped("recloser", recloser(backend)),
        Subject::tripped(
            "tower-resilience",
            by_resilience(backend, |builder| builder.wait_duration_in_open(LONG)),
        ),
        Subject::tripped("seatbelt", by_seatbelt(backend)),
        Subject::tripped("failsafe", failsafe_consecutive(backend)),
    ]
}

/// What peers with a ring have: half of 100 calls, no time window, no clock for slow calls.
pub(crate) fn count_window() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        time_window: None,
        slow_call_rate_threshold: None,
        ..CircuitBreakerConfig::eager()
    }
}

fn time_window_of(time: Duration) -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        count_window: None,
        time_window: Some(time),
        slow_call_rate_threshold: None,
        ..CircuitBreakerConfig::eager()
    }
}

fn ours(
    backend: Backend,
    config: &CircuitBreakerConfig,
) -> impl Service<u64, Response = u64> + Clone + Send + use<> {
    let breaker = CircuitBreakerHandle::new(Identity::new("backend"), config).expect("the config is valid");
    CircuitBreakerLayer::new(breaker).layer(backend.ours())
}

fn recloser(backend: Backend) -> impl Service<u64, Response = u64> + Clone + Send + 'static {
    let breaker = Recloser::custom().error_rate(0.5).closed_len(100).open_wait(LONG).build();
    let breaker = AsyncRecloser::from(breaker);
    let mut inner = backend.theirs();
    service_fn(move |request| breaker.call(inner.call(request)))
}

fn by_resilience(
    backend: Backend,
    configure: impl FnOnce(resilience::CircuitBreakerConfigBuilder) -> resilience::CircuitBreakerConfigBuilder,
) -> impl Service<u64, Response = u64> + Clone + Send + 'static {
    let builder = configure(resilience::CircuitBreakerLayer::builder());
    builder.build().expect("the config is valid").layer(backend.theirs())
}

fn by_seatbelt(backend: Backend) -> impl Service<u64, Response = u64> + Clone + Send + 'static {
    let clock = in_runtime(async { Clock::new_tokio() });
    let context: ResilienceContext<u64, io::Result<u64>> = ResilienceContext::new(clock);
    Breaker::layer("breaker", &context)
        .recovery_with(|result: &io::Result<u64>, _| match result {
            Ok(_) => RecoveryInfo::never(),
            Err(_) => RecoveryInfo::retry(),
        })
        .rejected_input_error(|_, _| io::Error::other("refused"))
        .break_duration(LONG)
        .layer(backend.theirs())
}

fn failsafe_by_default(backend: Backend) -> impl Service<u64, Response = u64> + Clone + Send + 'static {
    let breaker = failsafe::Config::new().build();
    let mut inner = backend.theirs();
    service_fn(move |request| breaker.call(inner.call(request)))
}

fn failsafe_consecutive(backend: Backend) -> impl Service<u64, Response = u64> + Clone + Send + 'static {
    let policy = failsafe::failure_policy::consecutive_failures(5, failsafe::backoff::constant(LONG));
    let breaker = failsafe::Config::new().failure_policy(policy).build();
    let mut inner = backend.theirs();
    service_fn(move |request| breaker.call(inner.call(request)))
}
