use std::time::Duration;

use super::{Checked, TURN, count, ensure, time};
use crate::scenario::{Arrivals, Clients, LoadPoint, Scenario};

/// More stacks than fit in a usual memory.
const MOST_CLIENTS: u32 = 100_000;

/// A rate at which a minute has more calls than a run may remember.
const GREATEST_RATE: f64 = 1e6;

pub(super) fn check(clients: &Clients) -> Checked {
    count("clients.count", clients.count.get(), MOST_CLIENTS)?;
    match &clients.arrivals {
        Arrivals::Poisson => rate("clients.rate", clients.rate)?,
        Arrivals::OnOff { on, off } => {
            rate("clients.rate", clients.rate)?;
            time("clients.arrivals.on", *on, TURN)?;
            time("clients.arrivals.off", *off, TURN)?;
        }
        Arrivals::Ramp { points } => ramp(points)?,
        Arrivals::Trace { file, times } => {
            ensure(!times.is_empty(), "clients.arrivals.file", || {
                format!("{} lists no call, write one time a line", file.display())
            })?;
        }
    }
    time("clients.deadline", clients.deadline, TURN)?;
    time("clients.attempt_timeout", clients.attempt_timeout, TURN)?;
    for (priority, share) in &clients.priorities {
        ensure(
            share.is_finite() && *share >= 0.0,
            &format!("clients.priorities.{}", priority.as_str()),
            || format!("{share:?} is no share, set it to 0 or more"),
        )?;
    }
    let total: f64 = clients.priorities.values().sum();
    let some = clients.priorities.is_empty() || (total > 0.0 && total.is_finite());
    ensure(some, "clients.priorities", || {
        format!("all shares together are {total:?}, give at least one class a share, and none a huge one")
    })
}

fn rate(key: &str, rate: f64) -> Checked {
    ensure(rate > 0.0 && rate <= GREATEST_RATE, key, || {
        format!("{rate:?} calls a second cannot be, set it above 0 and to {GREATEST_RATE} at most")
    })
}

fn ramp(points: &[LoadPoint]) -> Checked {
    let key = "clients.arrivals.points";
    ensure(points.iter().any(|point| point.rate > 0.0), key, || {
        "no call would ever come, give at least one point a rate above 0".to_owned()
    })?;
    let mut before = Duration::ZERO;
    for (index, point) in points.iter().enumerate() {
        let LoadPoint { at, rate } = *point;
        ensure((0.0..=GREATEST_RATE).contains(&rate), &format!("{key}[{index}].rate"), || {
            format!("{rate:?} calls a second cannot be, set it from 0 to {GREATEST_RATE}")
        })?;
        let key = format!("{key}[{index}].at");
        ensure(at >= before, &key, || {
            format!("{at:?} is before the point above it, at {before:?}, put them in order")
        })?;
        ensure(at <= Scenario::LONGEST, &key, || format!("{at:?} is longer than any scenario"))?;
        before = at;
    }
    Ok(())
}
