use std::time::Duration;

use super::{Checked, ensure};
use crate::scenario::{Arrivals, Clients, Scenario, Spikes};

/// Checks that the calls of a run can be remembered.
pub(super) fn check(scenario: &Scenario) -> Checked {
    let (calls, most) = (calls(scenario), Scenario::MOST_CALLS);
    ensure(calls <= most as f64, "duration", || {
        format!(
            "about {calls:.0} calls would come, and a run remembers {most}: shorten it, or lower the rate"
        )
    })
}

/// How many calls come, on average, or more.
fn calls(scenario: &Scenario) -> f64 {
    let spikes = Spikes::of(scenario);
    let (mut calls, mut now) = (0.0, Duration::ZERO);
    while now < scenario.duration {
        let (factor, until) = spikes.factor(now);
        let until = until.min(scenario.duration);
        calls += factor * without_spikes(&scenario.clients, now, until);
        now = until;
    }
    calls
}

fn without_spikes(clients: &Clients, from: Duration, to: Duration) -> f64 {
    let seconds = to.saturating_sub(from).as_secs_f64();
    match &clients.arrivals {
        Arrivals::Poisson | Arrivals::OnOff { .. } => clients.rate * seconds,
        // No more than at its steepest: a bound will do.
        Arrivals::Ramp { points } => seconds * points.iter().map(|point| point.rate).fold(0.0, f64::max),
        Arrivals::Trace { times, .. } => {
            let before = |time| times.partition_point(|arrival| *arrival < time);
            (before(to) - before(from)) as f64
        }
    }
}
