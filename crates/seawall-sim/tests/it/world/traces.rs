//! A run can be repeated to the byte, whatever goes wrong in it.

use seawall_sim::policy::{self, NoRetries, Policy};
use seawall_sim::report::trace;
use seawall_sim::scenario::Scenario;
use seawall_sim::world::run;

use super::parse;

/// Three tiers, and trouble with each.
fn trouble() -> Scenario {
    parse(
        r#"
        name = "trouble"
        duration = "3s"
        measure_from = "0s"
        clients = { count = 5, rate = 150.0, deadline = "1s", attempt_timeout = "200ms", priorities = { high = 1, low = 2 } }
        triggers = [
            { kind = "capacity_cut", at = "500ms", lasts = "1s", to = 0.5 },
            { kind = "partial_failure", at = "1s", lasts = "1s", tier = "middle", share = 0.5, after = "3ms" },
            { kind = "cold_start", at = "1s", lasts = "500ms", tier = "back", replicas = [0], slower = 4.0 },
            { kind = "cache_flush", at = "1500ms", lasts = "1s", tier = "middle" },
            { kind = "black_hole", at = "2s", lasts = "500ms", tier = "back", share = 0.1 },
            { kind = "flapping", at = "2s", lasts = "1s", tier = "middle", down = "50ms", up = "200ms" },
            { kind = "pauses", at = "2s", lasts = "1s", tier = "back", every = "200ms", for = "30ms" },
            { kind = "load_spike", at = "2s", lasts = "500ms", factor = 2.0 },
        ]

        [[tiers]]
        name = "front"
        replicas = 2
        workers = 3
        service_time = { kind = "exponential", mean = "10ms" }
        calls = ["middle", "back"]
        queue = { kind = "priority", bound = 50 }

        [[tiers]]
        name = "middle"
        workers = 4
        service_time = { kind = "heavy_tail", mean = "10ms", shape = 2.0 }
        calls = ["back"]
        cache_hit_ratio = 0.8
        drops_abandoned = true

        [[tiers]]
        name = "back"
        replicas = 2
        workers = 2
        service_time = { kind = "bimodal", mean = "5ms", slow_mean = "50ms", slow_share = 0.1 }
        queue = { kind = "lifo" }
        "#,
    )
}

fn written(policy: &dyn Policy, seed: u64) -> String {
    let mut out = Vec::new();
    trace::write(&mut out, &run(&trouble(), policy, seed)).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_seed_makes_the_same_trace_again_with_every_policy_and_another_seed_makes_another() {
    for policy in policy::all() {
        assert_eq!(written(&*policy, 1), written(&*policy, 1), "{}", policy.name());
    }
    assert_ne!(written(&NoRetries, 1), written(&NoRetries, 2));
}
