//! `cargo xtask bench cache [--json] [--quick]`: our cache beside the engines that one could stand on.
//!
//! Times are the processor's, of one thread and of two that share a cache of 10,000 keys asked for by Zipf's law, in turn.
//! Ours does what it does by default: expiry, jitter, statistics. `quick_cache` and moka are bare.

mod engines;
mod ratio;
mod speed;
mod stampede;
mod zipf;

use tokio::runtime::Builder;

fn main() {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let quick = has("--quick");
    let runtime =
        Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime can be made");
    let mut comparisons = speed::rows(&runtime, quick);
    comparisons.extend(ratio::rows(&runtime, quick));
    comparisons.extend(stampede::rows(&runtime, quick));
    seawall_bench::print(&comparisons, has("--json"));
}
