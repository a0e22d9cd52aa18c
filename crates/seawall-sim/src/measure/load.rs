use std::ops::Range;
use std::time::Duration;

use super::goodput::{ENOUGH, by_second};
use crate::scenario::Scenario;
use crate::world::{CallRecord, Run};

/// How many seconds a storm is looked for in.
const WINDOW: usize = 10;

/// Attempts that clients sent of these calls, for each call.
pub(super) fn amplification<'a>(calls: impl Iterator<Item = &'a CallRecord>) -> f64 {
    let (calls, attempts) = calls
        .fold((0_u64, 0_u64), |(calls, attempts), call| (calls + 1, attempts + u64::from(call.attempts)));
    share(attempts as f64, calls as f64)
}

/// The most attempts that clients sent in ten seconds, for each call that came in them. Where fewer than
/// 20 calls came in ten seconds, it takes as many more seconds as it needs for 20.
pub(super) fn peak_amplification(scenario: &Scenario, run: &Run) -> f64 {
    let seconds: Vec<_> = by_second(scenario, run)
        .iter()
        .zip(&run.seconds)
        .map(|(calls, second)| (calls.offered, second.from_clients))
        .collect();
    let measured = &seconds[measured_seconds(scenario, seconds.len())];
    let window = |first: usize| {
        let (mut calls, mut attempts) = (0, 0);
        for (length, (came, sent)) in (1..).zip(&measured[first..]) {
            (calls, attempts) = (calls + came, attempts + sent);
            if length >= WINDOW && calls >= ENOUGH {
                return Some(share(attempts as f64, calls as f64));
            }
        }
        // A run that is shorter than a window is one.
        (first == 0).then(|| share(attempts as f64, calls as f64))
    };
    (0..measured.len()).filter_map(window).fold(0.0, f64::max)
}

/// The share of the servers' work, in the measured time, that was done for callers who had left.
pub(super) fn wasted(scenario: &Scenario, run: &Run) -> f64 {
    let (mut worked, mut wasted) = (Duration::ZERO, Duration::ZERO);
    for second in &run.seconds[measured_seconds(scenario, run.seconds.len())] {
        worked += second.worked;
        wasted += second.wasted;
    }
    share(wasted.as_secs_f64(), worked.as_secs_f64())
}

/// The seconds that lie in the measured time, of so many.
fn measured_seconds(scenario: &Scenario, seconds: usize) -> Range<usize> {
    let end = (scenario.duration.as_secs() as usize).min(seconds);
    let start = scenario.measure_from.as_secs_f64().ceil() as usize;
    start.min(end)..end
}

/// Of nothing, nothing.
pub(super) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
