//! How much of what is asked for is there, read-through, with room for a fortieth of the keys.

use seawall_bench::{Better, Comparison, Side};
use tokio::runtime::Runtime;

use crate::engines::{Engine, foyer, moka, quick_cache, seawall};
use crate::zipf::{with_scans, zipf};

const KEYS: u64 = 200_000;
const CAPACITY: u64 = KEYS / 40;

/// What it is called, the keys that are asked for by number and seed, and whether ours must find as many as `quick_cache`.
type Workload = (&'static str, fn(usize, u64) -> Vec<u64>, bool);

const WORKLOADS: [Workload; 3] = [
    ("hit ratio, Zipf 0.9", |count, seed| zipf(KEYS, 0.9, count, seed), true),
    ("hit ratio, Zipf 1.0", |count, seed| zipf(KEYS, 1.0, count, seed), false),
    (
        "hit ratio, Zipf 0.9 with scans",
        |count, seed| with_scans(&zipf(KEYS, 0.9, count, seed), 50_000, 10_000),
        false,
    ),
];

pub(crate) fn rows(runtime: &Runtime, quick: bool) -> Vec<Comparison> {
    let count = if quick { 500_000 } else { 2_000_000 };
    let seeds: &[u64] = if quick { &[1, 2] } else { &[1, 2, 3, 4, 5, 6] };
    WORKLOADS.iter().flat_map(|workload| compare(workload, runtime, count, seeds)).collect()
}

/// All of them with the same keys. What is compared is the mean: which keys share a shard is chance, and worth a thousandth
/// either way, so that of two that stand on the same engine now one is ahead, now the other.
fn compare(
    (what, keys, must_find_as_many): &Workload,
    runtime: &Runtime,
    count: usize,
    seeds: &[u64],
) -> Vec<Comparison> {
    let mut sides = ["seawall", "quick_cache", "moka", "foyer"].map(|name| Side::new(name, Vec::new()));
    for seed in seeds {
        let keys = keys(count, *seed);
        sides[0].samples.push(share(&seawall(runtime, CAPACITY), &keys));
        sides[1].samples.push(share(&quick_cache(CAPACITY), &keys));
        sides[2].samples.push(share(&moka(CAPACITY), &keys));
        sides[3].samples.push(share(&foyer(CAPACITY), &keys));
    }
    let row = |what: String, subject: Side, peer: Side, goal: Option<f64>| {
        let (unit, better) = ("%", Better::Higher);
        Comparison { what, subject, peer, unit, better, goal, threads: 1 }
    };
    let [ours, peers @ ..] = &sides;
    let mut rows: Vec<_> = peers
        .iter()
        .map(|peer| {
            let goal = (*must_find_as_many && peer.name == "quick_cache").then_some(1.0);
            row(format!("{what}, mean of {} seeds", seeds.len()), mean(ours), mean(peer), goal)
        })
        .collect();
    if *must_find_as_many {
        rows.extend(seeds.iter().enumerate().map(|(n, seed)| {
            let one = |side: &Side| Side::new(format!("{}, seed {seed}", side.name), vec![side.samples[n]]);
            row(format!("{what}, seed by seed"), one(ours), one(&peers[0]), None)
        }));
    }
    rows
}

fn mean(side: &Side) -> Side {
    let mean = side.samples.iter().sum::<f64>() / side.samples.len() as f64;
    Side::new(side.name.clone(), vec![mean])
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
