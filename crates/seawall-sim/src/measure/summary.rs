use std::collections::BTreeMap;
use std::time::Duration;

use seawall_core::{FailureKind, Priority};
use serde::Serialize;

use super::fairness::jain;
use super::figure::seconds;
use super::goodput::{Goodput, is_good};
use super::latency::Latencies;
use super::load::{amplification, peak_amplification, share, wasted};
use super::recovery::{recovery, troubled_from};
use crate::scenario::Scenario;
use crate::world::{CallRecord, End, Run};

/// What one run amounts to. Shares are of 1; in JSON, times are seconds and say so in their names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The share of the calls that were answered within the deadline.
    pub goodput: f64,
    /// The time from the end of the last trigger to the first second from which on 95 % of the calls were good for ten
    /// seconds. Zero if goodput never fell below. None if that did not happen within the run.
    ///
    /// A scenario without triggers recovers from the first second in which goodput fell below. Seconds with fewer than
    /// 20 calls are judged together with those after them.
    #[serde(rename = "recovery_seconds", serialize_with = "seconds")]
    pub recovery: Option<Duration>,
    /// The attempts that the clients sent, for each call.
    pub amplification: f64,
    /// The most attempts that the clients sent in ten seconds, for each call that came in them.
    pub peak_amplification: f64,
    /// The share of the servers' work that was done for callers who had left.
    pub wasted: f64,
    /// Half of the answers took no longer. None without answers.
    #[serde(rename = "p50_seconds", serialize_with = "seconds")]
    pub p50: Option<Duration>,
    /// 99 % of the answers took no longer.
    #[serde(rename = "p99_seconds", serialize_with = "seconds")]
    pub p99: Option<Duration>,
    /// 99.9 % of the answers took no longer.
    #[serde(rename = "p999_seconds", serialize_with = "seconds")]
    pub p999: Option<Duration>,
    /// The share of the calls that the clients' stacks refused by themselves.
    pub refused: f64,
    /// The goodput of each class that called.
    pub by_priority: BTreeMap<Priority, f64>,
    /// How alike the goodput of the clients was: Jain's index, 1 if it was the same for all.
    pub fairness: f64,
    /// The calls that were not answered in time, from the beginning of the first trigger on; without any, of the measured
    /// time.
    pub lost: u64,
}

/// What the run amounts to.
pub fn summarize(scenario: &Scenario, run: &Run) -> Summary {
    let measured = scenario.measure_from..=scenario.duration;
    let calls = || run.calls.iter().filter(|call| measured.contains(&call.arrived));
    let mut all = Goodput::default();
    let mut classes: BTreeMap<Priority, Goodput> = BTreeMap::new();
    let mut clients: BTreeMap<u32, Goodput> = BTreeMap::new();
    for call in calls() {
        let good = is_good(call, scenario);
        all.count(good);
        classes.entry(call.priority).or_default().count(good);
        clients.entry(call.client).or_default().count(good);
    }
    let shares: Vec<f64> = clients.into_values().filter_map(Goodput::share).collect();
    let refused = calls().filter(|call| call.end == End::Failed(FailureKind::Refused)).count();
    let answered = |call: &&CallRecord| call.end == End::Answered;
    let latencies = Latencies::new(calls().filter(answered).map(|call| call.took));
    Summary {
        goodput: all.share().unwrap_or(0.0),
        recovery: recovery(scenario, run),
        amplification: amplification(calls()),
        peak_amplification: peak_amplification(scenario, run),
        wasted: wasted(scenario, run),
        p50: latencies.within(500),
        p99: latencies.within(990),
        p999: latencies.within(999),
        refused: share(refused as f64, all.offered as f64),
        by_priority: classes.into_iter().filter_map(|(class, calls)| Some((class, calls.share()?))).collect(),
        fairness: jain(&shares),
        lost: lost(scenario, run),
    }
}

fn lost(scenario: &Scenario, run: &Run) -> u64 {
    let from = troubled_from(scenario);
    let lost = |call: &&CallRecord| call.arrived >= from && !is_good(call, scenario);
    run.calls.iter().filter(lost).count() as u64
}
