//! Time limits that nothing runs into.

use std::io;
use std::time::Duration;

use seatbelt::ResilienceContext;
use seawall_tower::{AttemptTimeoutLayer, DeadlineLayer};
use tick::Clock;
use tower::Layer;
use tower::timeout::TimeoutLayer;
use tower_resilience_timelimiter::TimeLimiterLayer;

use crate::backend::Backend;
use crate::executor::in_runtime;
use crate::subject::Subject;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn subjects(backend: Backend) -> Vec<Subject> {
    let clock = in_runtime(async { Clock::new_tokio() });
    let context: ResilienceContext<u64, io::Result<u64>> = ResilienceContext::new(clock);
    let seatbelt = seatbelt::timeout::Timeout::layer("timeout", &context)
        .timeout(TIMEOUT)
        .timeout_error(|_| io::Error::other("timed out"));
    let resilience = TimeLimiterLayer::builder().timeout_duration(TIMEOUT).build();
    vec![
        Subject::service("seawall", AttemptTimeoutLayer::new(TIMEOUT).layer(backend.ours())),
        Subject::service("seawall, deadline", DeadlineLayer::new(TIMEOUT).layer(backend.ours())),
        Subject::service("tower", TimeoutLayer::new(TIMEOUT).layer(backend.theirs())),
        Subject::service("tower-resilience", resilience.layer(backend.theirs())),
        Subject::service("seatbelt", seatbelt.layer(backend.theirs())),
    ]
}
