use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

use super::{Case, Measured, Plays, Row};
use crate::policy::{self, Policy};
use crate::scenario::ScenarioError;

/// Plays every case with every seed, on all cores, and hands over what it amounts to, case by case, in their order.
///
/// # Errors
/// What is wrong with a scenario, and what `judged` fails with.
///
/// # Panics
/// If a case names a policy that there is not.
pub fn check<E: From<ScenarioError>>(
    cases: &[Case],
    seeds: Range<u64>,
    mut judged: impl FnMut(Vec<Row>) -> Result<(), E>,
) -> Result<(), E> {
    let jobs: Vec<_> =
        (0..cases.len()).flat_map(|case| seeds.clone().map(move |seed| (case, seed))).collect();
    let next = AtomicUsize::new(0);
    let (done, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let (done, jobs, next) = (done.clone(), &jobs, &next);
            scope.spawn(move || {
                // Who waits for the results may have left after an error: then there is nothing more to do.
                while let Some(&(case, seed)) = jobs.get(next.fetch_add(1, Relaxed))
                    && done.send((case, seed, measure(&cases[case], seed))).is_ok()
                {}
            });
        }
        drop(done);
        let mut waiting: BTreeMap<usize, BTreeMap<u64, Vec<Measured>>> = BTreeMap::new();
        let mut told = 0;
        for (case, seed, measured) in results {
            waiting.entry(case).or_default().insert(seed, measured?);
            while let Some(complete) = waiting
                .first_entry()
                .filter(|first| *first.key() == told && first.get().len() == count(&seeds))
            {
                judged(rows(&cases[told], &complete.remove()))?;
                told += 1;
            }
        }
        Ok(())
    })
}

fn count(seeds: &Range<u64>) -> usize {
    seeds.clone().count()
}

fn measure(case: &Case, seed: u64) -> Result<Vec<Measured>, ScenarioError> {
    let policies: Vec<Box<dyn Policy>> = case
        .policies
        .iter()
        .map(|name| policy::by_name(name).unwrap_or_else(|| panic!("there is no policy `{name}`")))
        .collect();
    let plays = Plays::new(case.scenario(seed)?, &policies, seed);
    Ok(case.claims.iter().map(|claim| (claim.measure)(&plays)).collect())
}

fn rows(case: &Case, seeds: &BTreeMap<u64, Vec<Measured>>) -> Vec<Row> {
    let of = |index: usize| seeds.iter().map(move |(seed, measured)| (*seed, measured[index]));
    case.claims.iter().enumerate().map(|(index, claim)| Row::new(case, claim, of(index).collect())).collect()
}
