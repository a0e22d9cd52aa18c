//! Rounds in turn.

use seawall_bench::{Better, Comparison, Side};

use crate::Result;

/// Takes a sample of each side in each round, another one first each time. The first round only warms up.
pub(crate) async fn turns<const SIDES: usize>(
    rounds: usize,
    mut measure: impl AsyncFnMut(usize) -> Result<f64>,
) -> Result<[Vec<f64>; SIDES]> {
    let mut samples: [Vec<f64>; SIDES] = std::array::from_fn(|_| Vec::new());
    for round in 0..=rounds {
        for turn in 0..SIDES {
            let who = (turn + round) % SIDES;
            let sample = measure(who).await?;
            if round > 0 {
                samples[who].push(sample);
            }
        }
    }
    Ok(samples)
}

/// A line of the table.
pub(crate) fn line(
    what: String,
    subject: Side,
    peer: Side,
    unit: &'static str,
    better: Better,
    goal: Option<f64>,
) -> Comparison {
    Comparison { what, subject, peer, unit, better, goal, threads: 2 }
}
