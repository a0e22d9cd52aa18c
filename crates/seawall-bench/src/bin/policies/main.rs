//! `cargo xtask bench policies [--json]`: the cost of each layer, ours beside what a user would pick instead.
//!
//! Everybody guards the same service, which answers at once or, in the lines that say so, after one pending poll that
//! is woken at once. Samples are taken in turn. A word on the command line measures only what has it in its name.

mod backend;
mod breaker;
mod cache;
mod concurrency;
mod defects;
mod executor;
mod flight;
mod goals;
mod groups;
mod keyed;
mod measure;
mod others;
mod rate_limit;
mod retry;
mod rows;
mod stack;
mod subject;
mod timeout;

use backend::Backend;
use groups::{FIGURES, GROUPS};

fn main() {
    let (flags, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let json = flags.iter().any(|flag| flag == "--json");
    let asked_for = |what: &str| words.iter().all(|word| what.contains(word.as_str()));

    let mut comparisons = Vec::new();
    for group in GROUPS.iter().filter(|group| asked_for(group.what)) {
        for pends in [false, true] {
            if pends && !group.answers {
                continue;
            }
            let subjects = (group.subjects)(Backend { pends });
            comparisons.extend(rows::rows(group.what, pends, &measure::measure(&subjects, group.calls)));
        }
    }
    for figure in FIGURES.iter().filter(|figure| asked_for(figure.what)) {
        comparisons.extend((figure.measure)());
    }
    seawall_bench::print(&comparisons, json);
}
