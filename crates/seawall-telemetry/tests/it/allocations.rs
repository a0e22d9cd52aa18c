use std::time::Duration;

use allocation_counter::measure;
use seawall_core::{Event, FailureKind, Observer, Origin, Outcome};
use seawall_telemetry::{Telemetry, TelemetryConfig};

const ELAPSED: Duration = Duration::from_millis(3);
const FAILED: Outcome = Outcome::failure(FailureKind::Transient);

fn tell_everything(telemetry: &Telemetry, target: &str) {
    let origin = Origin { pipeline: "http", strategy: "retry", target };
    for event in [
        Event::Attempted { attempt: 1, outcome: FAILED, elapsed: ELAPSED },
        Event::Retried { attempt: 1, kind: FailureKind::Transient, delay: ELAPSED, balance: None },
        Event::Attempted { attempt: 2, outcome: Outcome::Success, elapsed: ELAPSED },
        Event::Completed { outcome: Outcome::Success, elapsed: ELAPSED },
        Event::Completed { outcome: FAILED, elapsed: ELAPSED },
        Event::Abandoned { elapsed: ELAPSED },
        Event::Retried { attempt: 2, kind: FailureKind::Timeout, delay: ELAPSED, balance: Some(1.5) },
        Event::BudgetExhausted { balance: 0.0 },
        Event::Dequeued { waited: ELAPSED },
        Event::LimitChanged { limit: 20.0 },
        Event::Refused { reason: "circuit is open", retry_after: Some(ELAPSED) },
        Event::TimedOut { after: ELAPSED },
        Event::Opened { wait: ELAPSED },
        Event::HalfOpened,
        Event::Closed,
        Event::Forced { state: "disabled" },
    ] {
        telemetry.observe(origin, &event);
    }
}

/// With Prometheus on, and nobody listening to the log.
#[test]
fn telling_an_event_of_a_known_series_allocates_nothing() {
    let telemetry = Telemetry::new(&TelemetryConfig::default()).unwrap();
    let first = measure(|| tell_everything(&telemetry, "a"));
    assert!(first.count_total > 0, "the counter counts");
    let later = measure(|| {
        for _ in 0..100 {
            tell_everything(&telemetry, "a");
        }
    });
    assert_eq!(later.count_total, 0);
}

#[test]
fn telling_an_event_beyond_the_cap_allocates_nothing() {
    let config = TelemetryConfig { max_labels: 1.try_into().unwrap(), ..TelemetryConfig::default() };
    let telemetry = Telemetry::new(&config).unwrap();
    for target in ["a", "b"] {
        tell_everything(&telemetry, target);
    }
    let later = measure(|| {
        for target in ["c", "d", "e"] {
            tell_everything(&telemetry, target);
        }
    });
    assert_eq!(later.count_total, 0);
}
