use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::{Event, FailureKind, Observer, Origin, Outcome};
use seawall_telemetry::names::OTHER;
use seawall_telemetry::{CircuitStats, StatsSnapshot, Telemetry, TelemetryConfig};

const MS: Duration = Duration::from_millis(1);

fn telemetry() -> Telemetry {
    Telemetry::new(&TelemetryConfig::default()).unwrap()
}

fn origin(strategy: &'static str, target: &'static str) -> Origin<'static> {
    Origin { pipeline: "http", strategy, target }
}

#[test]
fn the_strategies_of_a_target_are_taken_together() {
    let telemetry = telemetry();
    let (retry, breaker) = (origin("retry", "a"), origin("circuit_breaker", "a"));
    let failed = Outcome::failure(FailureKind::Transient);
    telemetry.observe(retry, &Event::Attempted { attempt: 1, outcome: failed, elapsed: MS });
    telemetry.observe(
        retry,
        &Event::Retried { attempt: 1, kind: FailureKind::Transient, delay: MS, balance: None },
    );
    telemetry.observe(retry, &Event::Attempted { attempt: 2, outcome: Outcome::Success, elapsed: MS });
    telemetry.observe(retry, &Event::Completed { outcome: Outcome::Success, elapsed: 3 * MS });
    telemetry.observe(retry, &Event::BudgetExhausted { balance: 0.0 });
    telemetry.observe(retry, &Event::Abandoned { elapsed: MS });
    telemetry.observe(breaker, &Event::Opened { wait: MS });
    telemetry.observe(breaker, &Event::Refused { reason: "circuit is open", retry_after: None });
    telemetry.observe(breaker, &Event::TimedOut { after: MS });
    telemetry.observe(origin("retry", "b"), &Event::Abandoned { elapsed: MS });

    let stats = telemetry.stats();
    assert_eq!(stats.targets.len(), 2);
    let a = stats.target("http", "a").unwrap();
    assert_eq!((a.calls.success, a.calls.total()), (1, 1));
    assert_eq!((a.attempts.success, a.attempts.transient, a.attempts.total()), (1, 1, 2));
    assert_eq!((a.retries, a.budget_exhaustions, a.refusals, a.timeouts, a.abandoned), (1, 1, 1, 1, 1));
    assert_eq!(a.circuit, Some(CircuitStats { state: "open".into(), openings: 1 }));
    assert_eq!(a.duration.unwrap().max, 3 * MS);
    let b = stats.target("http", "b").unwrap();
    assert_eq!((b.abandoned, b.calls.total(), b.duration, &b.circuit), (1, 0, None, &None));
}

#[test]
fn waits_limits_and_budgets_are_told_by_target() {
    let telemetry = telemetry();
    let (retry, limit, rate) =
        (origin("retry", "a"), origin("concurrency_limit", "a"), origin("rate_limit", "a"));
    telemetry.observe(retry, &Event::BudgetExhausted { balance: 0.5 });
    telemetry.observe(limit, &Event::LimitChanged { limit: 20.0 });
    telemetry.observe(limit, &Event::LimitChanged { limit: 10.0 });
    telemetry.observe(rate, &Event::LimitChanged { limit: 100.0 });
    telemetry.observe(limit, &Event::Dequeued { waited: 2 * MS });
    telemetry.observe(rate, &Event::Dequeued { waited: 4 * MS });
    telemetry.observe(origin("retry", "b"), &Event::Abandoned { elapsed: MS });

    let stats = telemetry.stats();
    let a = stats.target("http", "a").unwrap();
    let limits: Vec<_> = a.limits.iter().map(|(strategy, limit)| (strategy.as_str(), *limit)).collect();
    assert_eq!(limits, [("concurrency_limit", 10.0), ("rate_limit", 100.0)]);
    assert_eq!(a.budget_balances.get("retry"), Some(&0.5));
    let queue = a.queue_duration.unwrap();
    assert_eq!((queue.mean, queue.max, a.duration), (3 * MS, 4 * MS, None));
    let b = stats.target("http", "b").unwrap();
    assert_eq!((b.limits.len(), b.budget_balances.len(), b.queue_duration), (0, 0, None));
}

#[test]
fn every_kind_of_failure_is_counted_apart() {
    let telemetry = telemetry();
    let kinds = [
        FailureKind::Transient,
        FailureKind::Timeout,
        FailureKind::Overloaded { retry_after: Some(MS) },
        FailureKind::Permanent,
        FailureKind::Cancelled,
        FailureKind::Refused,
    ];
    for (times, kind) in kinds.into_iter().enumerate() {
        for _ in 0..=times {
            let outcome = Outcome::failure(kind);
            telemetry.observe(origin("retry", "a"), &Event::Completed { outcome, elapsed: MS });
        }
    }
    let calls = telemetry.stats().target("http", "a").unwrap().calls;
    let counts = [
        calls.transient,
        calls.timeout,
        calls.overloaded,
        calls.permanent,
        calls.cancelled,
        calls.refused,
        calls.other,
        calls.success,
    ];
    assert_eq!(counts, [1, 2, 3, 4, 5, 6, 0, 0]);
    assert_eq!(calls.failures(), 21);
}

#[test]
fn a_mode_that_an_operator_forces_hides_what_the_circuit_would_do() {
    let telemetry = telemetry();
    let breaker = origin("circuit_breaker", "a");
    let state = || telemetry.stats().target("http", "a").unwrap().circuit.clone().unwrap().state;
    telemetry.observe(breaker, &Event::Forced { state: "metrics_only" });
    telemetry.observe(breaker, &Event::Opened { wait: MS });
    assert_eq!(state(), "metrics_only");
    telemetry.observe(breaker, &Event::Forced { state: "auto" });
    assert_eq!(state(), "closed");
    telemetry.observe(breaker, &Event::Opened { wait: MS });
    telemetry.observe(breaker, &Event::HalfOpened);
    assert_eq!(state(), "half_open");
}

#[test]
fn threads_lose_no_count() {
    let telemetry = telemetry();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    let event = Event::Completed { outcome: Outcome::Success, elapsed: MS };
                    telemetry.observe(origin("retry", "a"), &event);
                }
            });
        }
    });
    let stats = telemetry.stats();
    let target = stats.target("http", "a").unwrap();
    assert_eq!(target.calls.success, 8000);
    assert_eq!(target.duration.unwrap().mean, MS);
}

#[test]
fn targets_beyond_the_cap_are_counted_together() {
    let config = TelemetryConfig { max_labels: NonZeroUsize::new(3).unwrap(), ..TelemetryConfig::default() };
    let telemetry = Telemetry::new(&config).unwrap();
    for index in 0..10_000 {
        let target = format!("host-{index}");
        let origin = Origin { pipeline: "http", strategy: "retry", target: &target };
        telemetry.observe(origin, &Event::Completed { outcome: Outcome::Success, elapsed: MS });
    }
    let stats = telemetry.stats();
    assert_eq!(stats.targets.len(), 4);
    assert_eq!(stats.target("http", OTHER).unwrap().calls.success, 9997);
    let series = telemetry
        .render_prometheus()
        .lines()
        .filter(|line| line.starts_with("resilience_pipeline_duration_seconds_count"))
        .count();
    assert_eq!(series, 4, "the cap holds for exporters too");
}

#[test]
fn a_snapshot_survives_json() {
    let telemetry = telemetry();
    let event = Event::Completed { outcome: Outcome::Success, elapsed: 250 * MS };
    telemetry.observe(origin("retry", "a"), &event);
    let stats = telemetry.stats();
    let json = serde_json::to_value(&stats).unwrap();
    assert_eq!(json["targets"][0]["duration"]["max"], 0.25, "in seconds");
    assert_eq!(serde_json::from_value::<StatsSnapshot>(json).unwrap(), stats);
}
