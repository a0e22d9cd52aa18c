//! The modelled world does what it says, at the time at which it says so.

mod conservation;
mod inner_calls;
mod servers;
mod theory;
mod traces;
mod triggers;

use std::path::Path;
use std::time::Duration;

use seawall_sim::policy::NoRetries;
use seawall_sim::scenario::{Arrivals, Scenario};
use seawall_sim::world::{CallRecord, End, Run, run};

/// A scenario of that text.
pub(super) fn parse(text: &str) -> Scenario {
    Scenario::parse(text, Path::new("test.toml")).unwrap()
}

/// A scenario of four seconds in which a client calls at exactly those times, in milliseconds.
pub(super) fn calls_at(times: impl IntoIterator<Item = u64>, rest: &str) -> Scenario {
    let mut scenario = parse(&format!(
        r#"
        name = "test"
        duration = "4s"
        measure_from = "0s"
        clients = {{ count = 1, rate = 1.0, deadline = "3s", attempt_timeout = "3s" }}
        {rest}
        "#
    ));
    let times = times.into_iter().map(Duration::from_millis).collect();
    scenario.clients.arrivals = Arrivals::Trace { file: "times".into(), times };
    scenario
}

/// Plays it with clients that only wait.
pub(super) fn play(scenario: &Scenario) -> Run {
    run(scenario, &NoRetries, 1)
}

/// How long each call took, in whole milliseconds, and that all were answered.
pub(super) fn answered(run: &Run) -> Vec<u128> {
    run.calls.iter().for_each(|call| assert_eq!(call.end, End::Answered, "{call:?}"));
    took(run)
}

/// How long each call took, in whole milliseconds.
pub(super) fn took(run: &Run) -> Vec<u128> {
    run.calls.iter().map(|call| call.took.as_millis()).collect()
}

/// How each call ended.
pub(super) fn ends(run: &Run) -> Vec<End> {
    run.calls.iter().map(|call| call.end).collect()
}

/// The mean time that calls took, in seconds.
pub(super) fn mean_time(calls: &[CallRecord]) -> f64 {
    calls.iter().map(|call| call.took.as_secs_f64()).sum::<f64>() / calls.len() as f64
}

/// One server that takes 100 ms with each of so many workers, and what else there is to say of it.
pub(super) fn server(workers: u32, more: &str) -> String {
    format!(
        r#"
        [[tiers]]
        name = "server"
        workers = {workers}
        service_time = {{ kind = "fixed", time = "100ms" }}
        {more}
        "#
    )
}
