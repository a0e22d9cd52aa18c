use std::time::Duration;

use super::{Checked, count, ensure, share, time};
use crate::scenario::{InvalidScenario, ServiceTime, Tier};

const MOST_TIERS: usize = 100;
/// Each may be a client of other tiers, with a stack of its own.
const MOST_REPLICAS: u32 = 10_000;
const MOST_WORKERS: u32 = 1_000_000;
/// How many attempts one call may become without anybody retrying.
const MOST_CALLS_OF_ONE: f64 = 1000.0;

/// Service times are kept in whole nanoseconds; below this, rounding would show.
const SHORTEST: Duration = Duration::from_micros(1);

pub(super) fn check(tiers: &[Tier]) -> Checked {
    ensure(!tiers.is_empty(), "tiers", || {
        "there is none, add [[tiers]] with what the clients call".to_owned()
    })?;
    ensure(tiers.len() <= MOST_TIERS, "tiers", || {
        format!("{} are more than can be simulated, {MOST_TIERS} can", tiers.len())
    })?;
    for (index, tier) in tiers.iter().enumerate() {
        let key = |key: &str| format!("tiers[{index}].{key}");
        ensure(!tier.name.trim().is_empty(), &key("name"), || "it is empty, name the tier".to_owned())?;
        let taken = tiers[..index].iter().any(|other| other.name == tier.name);
        ensure(!taken, &key("name"), || {
            format!("`{}` is the name of a tier above, take another", tier.name)
        })?;
        count(&key("replicas"), tier.replicas.get(), MOST_REPLICAS)?;
        count(&key("workers"), tier.workers.get(), MOST_WORKERS)?;
        service_time(&key("service_time"), &tier.service_time)?;
        share(&key("cache_hit_ratio"), tier.cache_hit_ratio)?;
        ensure(tier.cache_hit_ratio == 0.0 || !tier.calls.is_empty(), &key("cache_hit_ratio"), || {
            "there are no calls to spare, name the tiers that it calls in `calls`, or leave it out".to_owned()
        })?;
    }
    calls(tiers)
}

fn service_time(key: &str, service_time: &ServiceTime) -> Checked {
    let time = |name: &str, value| time(&format!("{key}.{name}"), value, SHORTEST);
    match *service_time {
        ServiceTime::Fixed { time: value } => time("time", value),
        ServiceTime::Exponential { mean } => time("mean", mean),
        ServiceTime::Bimodal { mean, slow_mean, slow_share } => {
            time("mean", mean)?;
            time("slow_mean", slow_mean)?;
            share(&format!("{key}.slow_share"), slow_share)
        }
        ServiceTime::HeavyTail { mean, shape } => {
            time("mean", mean)?;
            ensure(shape > 1.0 && shape.is_finite(), &format!("{key}.shape"), || {
                format!("a tail of shape {shape:?} has no mean, set it above 1, such as 1.5")
            })
        }
    }
}

/// Checks that every call ends somewhere, and that every tier is called.
fn calls(tiers: &[Tier]) -> Checked {
    for (index, tier) in tiers.iter().enumerate() {
        for (call, name) in tier.calls.iter().enumerate() {
            let known = tiers.iter().any(|tier| &tier.name == name);
            ensure(known, &format!("tiers[{index}].calls[{call}]"), || no_such_tier(name, tiers))?;
        }
    }
    let mut visits = vec![Visit::Not; tiers.len()];
    let calls = visit(0, tiers, &mut visits, &mut Vec::new())?;
    ensure(calls <= MOST_CALLS_OF_ONE, "tiers[0].calls", || {
        format!("each call becomes {calls} at all tiers together, keep it to {MOST_CALLS_OF_ONE}")
    })?;
    let idle = visits.iter().position(|visit| *visit == Visit::Not);
    idle.map_or(Ok(()), |index| {
        // Whoever is in a cycle that nobody enters is told of the cycle.
        visit(index, tiers, &mut visits, &mut Vec::new())?;
        let problem = "nobody calls this tier: name it in the `calls` of one that is called, or leave it out";
        Err(InvalidScenario::new(format!("tiers[{index}].name"), problem))
    })
}

pub(super) fn no_such_tier(name: &str, tiers: &[Tier]) -> String {
    let names: Vec<_> = tiers.iter().map(|tier| format!("`{}`", tier.name)).collect();
    format!("there is no tier `{name}`, take one of {}", names.join(", "))
}

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    Not,
    Under,
    Done { calls: f64 },
}

/// How many attempts one of this tier is at all tiers together.
fn visit(
    index: usize,
    tiers: &[Tier],
    visits: &mut [Visit],
    path: &mut Vec<usize>,
) -> Result<f64, InvalidScenario> {
    if let Visit::Done { calls } = visits[index] {
        return Ok(calls);
    }
    path.push(index);
    visits[index] = Visit::Under;
    let mut calls = 1.0;
    for (call, name) in tiers[index].calls.iter().enumerate() {
        let Some(called) = tiers.iter().position(|tier| &tier.name == name) else { continue };
        if visits[called] == Visit::Under {
            let cycle = path.iter().skip_while(|index| **index != called).chain([&called]);
            let names: Vec<_> = cycle.map(|index| format!("`{}`", tiers[*index].name)).collect();
            let problem =
                format!("{} goes round for ever, leave one of these calls out", names.join(" calls "));
            return Err(InvalidScenario::new(format!("tiers[{index}].calls[{call}]"), problem));
        }
        calls += visit(called, tiers, visits, path)?;
    }
    path.pop();
    visits[index] = Visit::Done { calls };
    Ok(calls)
}
