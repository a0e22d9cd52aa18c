//! One seed is one run, in every detail.

use std::path::Path;

use seawall_sim::policy;
use seawall_sim::scenario::Scenario;
use seawall_sim::world::{Run, run};

/// Trouble of all kinds: circuits open, calls are repeated, limits sink and queues fill.
fn trouble(clients: u32) -> Scenario {
    // Enough for the circuit of each to judge by.
    let rate = 200 + 12 * clients;
    let text = format!(
        r#"
        name = "trouble"
        duration = "12s"
        clients = {{ count = {clients}, rate = {rate}.0, priorities = {{ critical = 1.0, normal = 3.0 }} }}

        [[tiers]]
        name = "server"
        replicas = 3
        workers = 2
        service_time = {{ kind = "exponential", mean = "20ms" }}

        [[triggers]]
        kind = "partial_failure"
        at = "0s"
        lasts = "6s"
        share = 1.0
        after = "1ms"

        [[triggers]]
        kind = "capacity_cut"
        at = "7s"
        lasts = "3s"
        to = 0.5

        [[triggers]]
        kind = "load_spike"
        at = "7s"
        lasts = "3s"
        factor = 3.0
        "#
    );
    Scenario::parse(&text, Path::new("replays.toml")).unwrap()
}

fn play(name: &str, clients: u32, seed: u64) -> Run {
    run(&trouble(clients), &*policy::by_name(name).unwrap(), seed)
}

#[test]
fn two_runs_of_one_seed_are_the_same_and_those_of_two_seeds_are_not() {
    for (policy, clients) in [("seawall", 1), ("seawall", 10), ("balanced", 5), ("hedged", 5)] {
        let once = play(policy, clients, 1);
        assert!(once.calls.iter().any(|call| call.attempts > 1), "some calls are repeated");
        assert!(once.seconds.iter().any(|second| second.open > 0), "some circuits open: {policy}, {clients}");
        assert_eq!(once, play(policy, clients, 1), "{policy}, {clients} clients");
    }
    assert_ne!(play("seawall", 1, 1), play("seawall", 1, 2));
}

#[test]
fn a_run_is_the_same_on_every_thread_and_beside_others() {
    let runs: Vec<_> = std::thread::scope(|scope| {
        let threads = [1, 1, 2].map(|seed| scope.spawn(move || play("seawall", 5, seed)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0], play("seawall", 5, 1));
}
