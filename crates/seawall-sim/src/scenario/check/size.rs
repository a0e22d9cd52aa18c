use std::time::Duration;

use super::{Checked, ensure};
use crate::scenario::{Arrivals, Clients, Scenario, Trigger, TriggerKind};

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
    let spike = |trigger: &Trigger| match trigger.kind {
        TriggerKind::LoadSpike { factor } => Some((trigger.at, trigger.at + trigger.lasts, factor)),
        _ => None,
    };
    let spikes: Vec<_> = scenario.triggers.iter().filter_map(spike).collect();
    let mut changes: Vec<_> = spikes.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
    changes.extend([Duration::ZERO, scenario.duration]);
    changes.sort_unstable();
    let of_piece = |piece: &[Duration]| {
        let in_force = spikes.iter().filter(|(from, to, _)| (*from..*to).contains(&piece[0]));
        let factor: f64 = in_force.map(|(_, _, factor)| factor).product();
        factor * without_spikes(&scenario.clients, piece[0], piece[1])
    };
    changes.windows(2).map(of_piece).sum()
}

fn without_spikes(clients: &Clients, from: Duration, to: Duration) -> f64 {
    match &clients.arrivals {
        Arrivals::Poisson | Arrivals::OnOff { .. } => clients.rate * to.saturating_sub(from).as_secs_f64(),
        // No more than at its steepest: a bound will do.
        Arrivals::Ramp { points } => {
            let greatest = points.iter().map(|point| point.rate).fold(0.0, f64::max);
            greatest * to.saturating_sub(from).as_secs_f64()
        }
        Arrivals::Trace { times, .. } => {
            let before = |time| times.partition_point(|arrival| *arrival < time);
            (before(to) - before(from)) as f64
        }
    }
}
