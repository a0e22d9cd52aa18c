//! How much of what is asked for is there, read-through, with room for a fortieth of the keys.

use seawall_bench::{Better, Comparison, Side};
use tokio::runtime::Runtime;

use crate::engines::{Engine, foyer, moka, quick_cache, seawall};
use crate::zipf::{with_scans, zipf};

const KEYS: u64 = 200_000;
const CAPACITY: u64 = KEYS / 40;

/// Ours stands on the same engine. Which keys share a shard is chance, and worth less than a thousandth either way.
const AS_GOOD: f64 = 0.999;

/// What it is called, the keys that are asked for by number and seed, and the goal.
type Workload = (&'static str, fn(usize, u64) -> Vec<u64>, Option<f64>);

pub(crate) fn rows(runtime: &Runtime, quick: bool) -> Vec<Comparison> {
    let count = if quick { 500_000 } else { 2_000_000 };
    let seeds: &[u64] = if quick { &[1] } else { &[1, 2, 3, 4, 5, 6] };
    let workloads: [Workload; 3] = [
        ("hit ratio, Zipf 0.9", |count, seed| zipf(KEYS, 0.9, count, seed), Some(AS_GOOD)),
        ("hit ratio, Zipf 1.0", |count, seed| zipf(KEYS, 1.0, count, seed), None),
        (
            "hit ratio, Zipf 0.9 with scans",
            |count, seed| with_scans(&zipf(KEYS, 0.9, count, seed), 50_000, 10_000),
            None,
        ),
    ];
    let rows = workloads.map(|(what, keys, goal)| {
        let mut sides = ["seawall", "quick_cache", "moka", "foyer"].map(|name| Side::new(name, Vec::new()));
        for seed in seeds {
            let keys = keys(count, *seed);
            sides[0].samples.push(share(&seawall(runtime, CAPACITY), &keys));
            sides[1].samples.push(share(&quick_cache(CAPACITY), &keys));
            sides[2].samples.push(share(&moka(CAPACITY), &keys));
            sides[3].samples.push(share(&foyer(CAPACITY), &keys));
        }
        let [ours, peers @ ..] = sides;
        peers.map(|peer| Comparison {
            what: what.to_owned(),
            subject: ours.clone(),
            goal: goal.filter(|_| peer.name == "quick_cache"),
            peer,
            unit: "%",
            better: Better::Higher,
            threads: 1,
        })
    });
    rows.into_iter().flatten().collect()
}

/// The percentage of hits in the second half, when the cache has seen enough.
fn share(engine: &impl Engine, keys: &[u64]) -> f64 {
    let text: crate::engines::Text = "x".into();
    let mut hits = 0;
    for (number, key) in keys.iter().enumerate() {
        let hit = engine.get(*key).is_some();
        if !hit {
            engine.set(*key, text.clone());
        }
        hits += usize::from(hit && number >= keys.len() / 2);
    }
    hits as f64 * 100.0 / (keys.len() - keys.len() / 2) as f64
}
