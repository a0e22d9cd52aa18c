//! Keys as they are asked for: few of them often.

/// Keys below `keys`, so many, by Zipf's law: the n-th is asked for as often as 1/n to the power of `skew`.
pub(crate) fn zipf(keys: u64, skew: f64, count: usize, seed: u64) -> Vec<u64> {
    let mut shares: Vec<f64> = (1..=keys).map(|rank| (rank as f64).powf(-skew)).collect();
    let mut sum = 0.0;
    for share in &mut shares {
        sum += *share;
        *share = sum;
    }
    let mut rng = fastrand::Rng::with_seed(seed);
    // Ranks are scattered over the keys, so that no cache profits from neighbours.
    let mut names: Vec<u64> = (0..keys).collect();
    rng.shuffle(&mut names);
    let pick = |rng: &mut fastrand::Rng| {
        let chance = rng.f64() * sum;
        let rank = shares.partition_point(|share| *share < chance);
        names[rank.min(names.len() - 1)]
    };
    (0..count).map(|_| pick(&mut rng)).collect()
}

/// The same with scans: after every `every` keys come `length` that nobody ever asks for again.
pub(crate) fn with_scans(keys: &[u64], every: usize, length: usize) -> Vec<u64> {
    let mut once = u64::MAX / 2..;
    let chunks = keys.chunks(every);
    chunks
        .flat_map(|chunk| chunk.iter().copied().chain(once.by_ref().take(length)).collect::<Vec<_>>())
        .collect()
}
