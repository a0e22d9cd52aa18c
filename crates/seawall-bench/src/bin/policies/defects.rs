//! What peers get wrong, and ours has to get right: figures that no machine changes.

use std::time::{Duration, Instant};

use recloser::Recloser;
use seawall_bench::{Better, Comparison, Side};
use seawall_core::{CircuitBreakerConfig, RetryBudget, RetryBudgetConfig, RetryBudgetForm};
use seawall_tower::{CircuitBreakerHandle, CircuitBreakerLayer, Identity};
use tower::retry::budget::{Budget, TpsBudget};
use tower::{Layer, Service, ServiceExt};
use tower_resilience_circuitbreaker::CircuitBreakerLayer as ResilienceBreakerLayer;

use crate::backend::{Backend, FAILING};
use crate::breaker::count_window;
use crate::executor::in_runtime;
use crate::goals::{AMPLIFICATION, FAILURES, FAILURES_TO_OPEN, POINTS_OFF};

/// How many failures in a row open a circuit whose window of 100 calls has seen so many successes before: half of the
/// window, however many these were.
pub(crate) fn failures_to_open() -> Vec<Comparison> {
    let by_successes = [0, 1_000, 100_000].into_iter().map(|successes| {
        let backend = Backend { pends: false };
        let config = CircuitBreakerConfig { consecutive_failures: None, ..count_window() };
        let breaker = CircuitBreakerHandle::new(Identity::default(), &config).expect("the config is valid");
        let ours =
            failures(CircuitBreakerLayer::new(breaker.clone()).layer(backend.ours()), successes, || {
                breaker.state() != seawall_core::CircuitState::Closed
            });
        let theirs = ResilienceBreakerLayer::builder().sliding_window_size(100).build_with_handle();
        let (layer, handle) = theirs.expect("the config is valid");
        let theirs = failures(layer.layer(backend.theirs()), successes, || handle.is_open());
        let what = format!("{FAILURES}, after {successes} successes");
        let line = |peer: &str, theirs, goal| line(&what, ours, peer, theirs, "calls", goal);
        [
            line("at most", FAILURES_TO_OPEN, Some(1.0)),
            line("tower-resilience", theirs, None),
            line("recloser", failures_of_recloser(successes), None),
        ]
    });
    by_successes.flatten().collect()
}

fn failures<S: Service<u64>>(mut service: S, successes: u64, is_open: impl Fn() -> bool) -> f64 {
    in_runtime(async {
        let mut call = async |request| {
            if let Ok(service) = service.ready().await {
                drop(service.call(request).await);
            }
        };
        for request in 0..successes {
            call(request).await;
        }
        let mut failures = 0.0;
        while !is_open() {
            call(FAILING).await;
            failures += 1.0;
        }
        failures
    })
}

fn failures_of_recloser(successes: u64) -> f64 {
    let breaker = Recloser::custom().error_rate(0.5).closed_len(100).build();
    for _ in 0..successes {
        drop(breaker.call(|| Ok::<_, ()>(())));
    }
    let mut failures = 0.0;
    while !matches!(breaker.call(|| Err::<(), _>(())), Err(recloser::Error::Rejected)) {
        failures += 1.0;
    }
    failures
}

/// By how many points the retries of a total outage miss the share of calls that was asked for.
pub(crate) fn amplification() -> Vec<Comparison> {
    let by_share = [0.05, 0.1, 0.2, 0.5, 0.6, 0.7, 1.0].into_iter().map(|share| {
        let what = format!("{AMPLIFICATION}, {:.0} % asked for", share * 100.0);
        let off = |retries: f64| (retries / f64::from(CALLS) - share).abs() * 100.0;
        let ours = off(retries_of_ours(share));
        let line = |peer: &str, theirs, goal| line(&what, ours, peer, theirs, "points", goal);
        [line("at most", POINTS_OFF, Some(1.0)), line("tower, TpsBudget", off(retries_of_tower(share)), None)]
    });
    by_share.flatten().collect()
}

const CALLS: u32 = 10_000;

/// Each call fails, and is retried up to twice.
fn retries_of_ours(share: f64) -> f64 {
    let config =
        RetryBudgetConfig { form: RetryBudgetForm::Ratio, ratio: share, trickle: 0.0, ..Default::default() };
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin with")]
    let start = Instant::now();
    let mut budget = RetryBudget::new(config, start).expect("the config is valid");
    let retries = (0..CALLS).map(|call| {
        let now = start + Duration::from_millis(1) * call;
        budget.record_first_try(false, now);
        f64::from(u8::from(budget.withdraw(now)) + u8::from(budget.withdraw(now)))
    });
    retries.sum()
}

fn retries_of_tower(share: f64) -> f64 {
    let budget = TpsBudget::new(Duration::from_secs(10), 0, share as f32);
    let retries = (0..CALLS).map(|_| {
        budget.deposit();
        f64::from(u8::from(budget.withdraw()) + u8::from(budget.withdraw()))
    });
    retries.sum()
}

fn line(what: &str, ours: f64, peer: &str, theirs: f64, unit: &'static str, goal: Option<f64>) -> Comparison {
    Comparison {
        what: what.to_owned(),
        subject: Side::new("seawall", vec![ours]),
        peer: Side::new(peer, vec![theirs]),
        unit,
        better: Better::Lower,
        goal,
        threads: 1,
    }
}
