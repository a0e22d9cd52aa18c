//! `cargo xtask bench cache [--json] [--quick]`: our cache beside the engines that one could stand on.
//!
//! Times are the processor's, of one thread and of two that share a cache of 10,000 keys asked for by Zipf's law, in turn.
//! Ours does what it does by default: expiry, jitter, statistics. `quick_cache` and moka are bare. The words `speed`, `ratio`
//! and `stampede` measure only that.

mod engines;
mod ratio;
mod speed;
mod stampede;
mod zipf;

use seawall_bench::Comparison;
use tokio::runtime::{Builder, Runtime};

/// A part of the benchmark, quick or not.
type Part = fn(&Runtime, bool) -> Vec<Comparison>;

fn main() {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let quick = has("--quick");
    let runtime =
        Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime can be made");
    let parts: [(&str, Part); 3] =
        [("speed", speed::rows), ("ratio", ratio::rows), ("stampede", stampede::rows)];
    let all = !parts.iter().any(|(name, _)| has(name));
    let asked_for = parts.iter().filter(|(name, _)| all || has(name));
    let comparisons: Vec<_> = asked_for.flat_map(|(_, rows)| rows(&runtime, quick)).collect();
    seawall_bench::print(&comparisons, has("--json"));
}
