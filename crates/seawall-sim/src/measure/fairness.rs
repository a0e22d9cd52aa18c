/// Jain's index of these shares: 1 if all are alike, 1/n if one of n has everything (R. Jain, D. Chiu and W. Hawe, 1984).
/// Nobody, or nothing for anybody, is fair.
pub(super) fn jain(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    if squares > 0.0 { sum * sum / (shares.len() as f64 * squares) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_if_all_are_alike_and_one_nth_if_one_has_all() {
        assert!((jain(&[0.4, 0.4, 0.4]) - 1.0).abs() < 1e-12);
        assert!((jain(&[0.0, 0.9, 0.0, 0.0]) - 0.25).abs() < 1e-12);
        assert!((jain(&[1.0, 0.5]) - 0.9).abs() < 1e-12);
        assert!((jain(&[]) - 1.0).abs() < 1e-12);
        assert!((jain(&[0.0, 0.0]) - 1.0).abs() < 1e-12);
    }
}
