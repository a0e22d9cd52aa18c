//! Plays a scenario with many seeds, on all cores.

use std::any::Any;
use std::num::NonZero;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use crate::measure::{Summary, summarize};
use crate::policy::Policy;
use crate::scenario::Scenario;
use crate::world::{self, Run};

/// Plays the scenario with each of the seeds and says what each run amounts to, in the order of the seeds, whichever thread
/// played it.
///
/// `look` sees each run before it is dropped, on the thread that played it and in no particular order. What a caller
/// wants of one seed alone is had by [playing](world::run) it again: it is the same to the byte.
///
/// # Panics
/// If a run does; the message names its seed.
pub fn run_seeds(
    scenario: &Scenario,
    policy: &dyn Policy,
    seeds: Range<u64>,
    look: impl Fn(u64, &Run) + Sync,
) -> Vec<(u64, Summary)> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut done = Vec::new();
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if !seeds.contains(&seed) {
                return done;
            }
            let run = play(scenario, policy, seed);
            look(seed, &run);
            done.push((seed, summarize(scenario, &run)));
        }
    };
    let mut runs: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads(&seeds)).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    runs.sort_unstable_by_key(|(seed, _)| *seed);
    runs
}

/// Plays one seed; a panic names it, so that it can be played again.
fn play(scenario: &Scenario, policy: &dyn Policy, seed: u64) -> Run {
    // Nothing of the run is left when it has panicked.
    catch_unwind(AssertUnwindSafe(|| world::run(scenario, policy, seed)))
        .unwrap_or_else(|panic| panic!("{} with seed {seed}: {}", policy.name(), message(&*panic)))
}

fn message(panic: &dyn Any) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it panicked")
}

fn threads(seeds: &Range<u64>) -> u64 {
    let cores = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    cores.min(seeds.end.saturating_sub(seeds.start))
}
