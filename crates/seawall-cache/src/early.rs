//! Probabilistic early refresh: `XFetch` (A. Vattani, F. Chierichetti, K. Lowenstein, "Optimal probabilistic cache
//! stampede prevention", 2015).

/// No chance is as small as this many times `beta` × `cost` before the expiry: e⁻²⁰, one in five hundred million.
const HORIZON: f64 = 20.0;

/// From when on a look-up has to throw the dice, for a value that took `cost` to make and ends at `expiry`.
pub(crate) fn begins(expiry: u64, cost: u64, beta: f64) -> u64 {
    if cost == 0 {
        return expiry;
    }
    expiry.saturating_sub((cost as f64 * beta * HORIZON) as u64)
}

/// Whether this look-up renews the value before its time: more likely the nearer the expiry and the costlier the value.
/// `chance` is uniform in 0..1.
pub(crate) fn is_due(now: u64, expiry: u64, cost: u64, beta: f64, chance: f64) -> bool {
    // Never of zero, whose logarithm has no end.
    let ahead = cost as f64 * beta * -(1.0 - chance).ln();
    now as f64 + ahead >= expiry as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// By the paper, a look-up `left` before the expiry renews with probability e^(−left/(β·cost)).
    #[test]
    fn the_chance_is_that_of_the_paper() {
        let mut rng = fastrand::Rng::with_seed(1);
        for (left, expected) in [(0.0, 1.0), (0.4, 0.368), (0.8, 0.135), (2.0, 0.0067), (8.0, 0.0)] {
            let (expiry, cost) = (100 * SECOND, 400_000_000);
            let now = expiry - (left * SECOND as f64) as u64;
            let due = (0..100_000).filter(|_| is_due(now, expiry, cost, 1.0, rng.f64())).count();
            let share = due as f64 / 100_000.0;
            assert!((share - expected).abs() < 0.01, "{left}: {share} instead of {expected}");
        }
    }

    #[test]
    fn before_it_begins_no_chance_is_high_enough_to_matter() {
        let (expiry, cost) = (100 * SECOND, SECOND);
        let begin = begins(expiry, cost, 1.0);
        assert_eq!(begin, 80 * SECOND);
        assert!(!is_due(begin, expiry, cost, 1.0, 1.0 - 3e-9));
        assert_eq!(begins(expiry, 0, 1.0), expiry, "what costs nothing is not renewed early");
        assert_eq!(begins(expiry, cost, 0.0), expiry, "nor is anything with a beta of zero");
    }
}
