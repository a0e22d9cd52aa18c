//! Many seeds on many cores.

use std::sync::Mutex;

use seawall_sim::chance::{Purpose, Seed};
use seawall_sim::measure::summarize;
use seawall_sim::policy::{Client, Policy, Seawall, Terms};
use seawall_sim::runner::run_seeds;
use seawall_sim::scenario::Scenario;
use seawall_sim::world::{self, Link};

fn small() -> Scenario {
    let text = r#"
        name = "small"
        duration = "2s"
        measure_from = "0s"
        clients = { count = 3, rate = 50.0 }

        [[tiers]]
        name = "server"
        workers = 1
        service_time = { kind = "exponential", mean = "15ms" }
    "#;
    Scenario::parse(text, "small.toml".as_ref()).unwrap()
}

#[test]
fn every_seed_is_played_once_and_told_in_order_as_if_played_alone() {
    let (scenario, policy) = (small(), Seawall);
    let seen = Mutex::new(Vec::new());
    let runs = run_seeds(&scenario, &policy, 3..12, |seed, run| {
        seen.lock().unwrap().push((seed, run.calls.len()));
    });
    let alone: Vec<_> = (3..12).map(|seed| (seed, world::run(&scenario, &policy, seed))).collect();
    let summaries: Vec<_> = alone.iter().map(|(seed, run)| (*seed, summarize(&scenario, run))).collect();
    assert_eq!(runs, summaries);
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, alone.iter().map(|(seed, run)| (*seed, run.calls.len())).collect::<Vec<_>>());
}

#[test]
fn no_seeds_are_no_runs() {
    assert!(run_seeds(&small(), &Seawall, 5..5, |_, _| ()).is_empty());
}

/// Cannot make a client with one of the seeds.
#[derive(Debug)]
struct Unlucky {
    client_seed: u64,
}

impl Policy for Unlucky {
    fn name(&self) -> &'static str {
        "unlucky"
    }

    fn about(&self) -> &'static str {
        "panics with one seed"
    }

    fn client(&self, link: &Link, terms: Terms, seed: u64) -> Client {
        assert_ne!(seed, self.client_seed, "out of luck");
        Seawall.client(link, terms, seed)
    }
}

#[test]
#[should_panic(expected = "unlucky with seed 6: assertion `left != right` failed: out of luck")]
fn a_panic_names_the_seed() {
    let client_seed = Seed(6).part(Purpose::Client, 0, 0);
    run_seeds(&small(), &Unlucky { client_seed }, 3..12, |_, _| ());
}
