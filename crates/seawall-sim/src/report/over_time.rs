use std::io::{self, Write};

use super::number::percent;
use super::rows;
use crate::measure::Goodput;

/// Writes the goodput of policies as time goes on, in so many seconds at a time: what the plots show, as numbers.
///
/// # Errors
/// If it cannot be written.
pub fn over_time(out: &mut dyn Write, step: usize, policies: &[(&str, Vec<Goodput>)]) -> io::Result<()> {
    let head = std::iter::once("from second").chain(policies.iter().map(|(policy, _)| *policy));
    let mut table = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    let seconds = policies.iter().map(|(_, seconds)| seconds.len()).max().unwrap_or(0);
    for from in (0..seconds).step_by(step.max(1)) {
        let span = |seconds: &[Goodput]| {
            let span = seconds.iter().skip(from).take(step.max(1));
            let all = span.fold(Goodput::default(), |all, second| all.and(*second));
            all.share().map_or_else(|| "-".to_owned(), percent)
        };
        let cells = policies.iter().map(|(_, seconds)| span(seconds));
        table.push(std::iter::once(from.to_string()).chain(cells).collect());
    }
    rows::write(out, &table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_put_together_and_what_nobody_called_in_has_no_goodput() {
        let second = |offered, good| Goodput { offered, good };
        let ours = vec![second(10, 10), second(10, 5), second(0, 0)];
        let none = vec![second(10, 0), second(10, 0), second(0, 0)];
        let mut out = Vec::new();
        over_time(&mut out, 2, &[("seawall", ours), ("none", none)]).unwrap();
        let expected =
            "from second  seawall    none\n0            75.00 %  0.00 %\n2                  -       -\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
