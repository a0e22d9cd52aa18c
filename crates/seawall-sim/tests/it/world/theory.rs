//! What queueing theory says of servers that are not disturbed.
//!
//! Calls come to a server at a turn and their answers go at a turn: both add half a millisecond on average, which is
//! taken off.

use seawall_sim::policy::NoRetries;
use seawall_sim::world::{Run, Second, run};

use super::{mean_time, parse};

const TURNS: f64 = 0.001;
const SERVICE: f64 = 0.05;

const SECONDS: usize = 60;

/// Runs a number of replicas of some workers at some utilisation for a minute.
///
/// The network sends each call to one by chance, so that each has calls that come independently of each other, as
/// theory has it, and all of them together show in a minute what one would show in as many minutes.
fn serve(replicas: u32, workers: u32, load: f64) -> Run {
    let rate = f64::from(replicas * workers) * load / SERVICE;
    let scenario = parse(&format!(
        r#"
        name = "theory"
        duration = "{SECONDS}s"
        clients = {{ count = 1, rate = {rate:?}, deadline = "5s", attempt_timeout = "5s" }}

        [[tiers]]
        name = "server"
        replicas = {replicas}
        workers = {workers}
        service_time = {{ kind = "exponential", mean = "50ms" }}
        "#
    ));
    run(&scenario, &NoRetries, 1)
}

/// The mean time that a call waits for one of so many workers (A. K. Erlang, 1917), in seconds.
fn erlang_c(workers: u32, load: f64) -> f64 {
    let offered = f64::from(workers) * load;
    // Erlang's B by its recursion, and C from it.
    let blocked =
        (1..=workers).fold(1.0, |blocked, n| offered * blocked / (f64::from(n) + offered * blocked));
    let waits = blocked / (1.0 - load * (1.0 - blocked));
    waits * SERVICE / (f64::from(workers) * (1.0 - load))
}

fn close(measured: f64, expected: f64, within: f64) {
    assert!((measured / expected - 1.0).abs() < within, "{measured} instead of {expected}");
}

#[test]
fn one_worker_keeps_calls_waiting_as_theory_says() {
    assert!((erlang_c(1, 0.5) - SERVICE).abs() < 1e-9, "rho / (mu - lambda)");
    let run = serve(50, 1, 0.5);
    close(mean_time(&run.calls) - TURNS - SERVICE, erlang_c(1, 0.5), 0.05);
}

#[test]
fn several_workers_keep_calls_waiting_as_theory_says() {
    let run = serve(20, 3, 0.6);
    close(mean_time(&run.calls) - TURNS - SERVICE, erlang_c(3, 0.6), 0.05);

    // They are busy for as much as is offered.
    let within = &run.seconds[..SECONDS];
    let mean = |of: fn(&Second) -> f64| within.iter().map(of).sum::<f64>() / SECONDS as f64;
    close(mean(|second| second.utilisation), 0.6, 0.02);
    close(run.worked.as_secs_f64(), 0.6 * 60.0 * SECONDS as f64, 0.02);
    assert!(run.wasted.is_zero());

    // As many wait as come while one waits (J. D. C. Little, 1961).
    let rate = run.calls.len() as f64 / SECONDS as f64;
    let waited = mean_time(&run.calls) - TURNS - run.worked.as_secs_f64() / run.calls.len() as f64;
    close(mean(|second| second.queued as f64), rate * waited, 0.15);
}
