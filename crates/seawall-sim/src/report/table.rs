//! Tables for people.

use std::io::{self, Write};

use seawall_core::Priority;

use super::number::{factor, latency, percent, recovery};
use super::rows;
use crate::measure::{Across, Figure, Summary};
use crate::policy::Policy;

/// Writes one seed: a line for each figure.
///
/// # Errors
/// If it cannot be written.
pub fn one_seed(out: &mut dyn Write, run: &Summary) -> io::Result<()> {
    let mut lines = vec![
        ("goodput".to_owned(), percent(run.goodput)),
        ("recovery".to_owned(), recovery(run.recovery)),
        ("attempts a call".to_owned(), factor(run.amplification)),
        ("  the most in 10 s".to_owned(), factor(run.peak_amplification)),
        ("wasted work".to_owned(), percent(run.wasted)),
        ("p50".to_owned(), latency(run.p50)),
        ("p99".to_owned(), latency(run.p99)),
        ("p99.9".to_owned(), latency(run.p999)),
        ("refused".to_owned(), percent(run.refused)),
    ];
    if run.by_priority.len() > 1 {
        let classes = run.by_priority.iter().rev();
        lines.extend(classes.map(|(class, share)| (goodput_of(*class), percent(*share))));
    }
    lines.push(("fairness".to_owned(), factor(run.fairness)));
    lines.push(("lost".to_owned(), run.lost.to_string()));
    let rows: Vec<_> = lines.into_iter().map(|(name, value)| vec![name, value]).collect();
    rows::write(out, &rows)
}

/// Writes many seeds: a line for each figure, with its median, its worst and the seed of that.
///
/// # Errors
/// If it cannot be written.
pub fn many_seeds(out: &mut dyn Write, across: &Across) -> io::Result<()> {
    let mut rows = vec![["", "median", "worst", "its seed"].map(str::to_owned).to_vec()];
    rows.extend([
        row("goodput", &across.goodput, percent),
        row("recovery", &across.recovery, recovery),
        row("attempts a call", &across.amplification, factor),
        row("  the most in 10 s", &across.peak_amplification, factor),
        row("wasted work", &across.wasted, percent),
        row("p50", &across.p50, latency),
        row("p99", &across.p99, latency),
        row("p99.9", &across.p999, latency),
        row("refused", &across.refused, percent),
    ]);
    if across.by_priority.len() > 1 {
        let classes = across.by_priority.iter().rev();
        rows.extend(classes.map(|(class, figure)| row(&goodput_of(*class), figure, percent)));
    }
    rows.push(row("fairness", &across.fairness, factor));
    rows.push(row("lost", &across.lost, |lost| lost.to_string()));
    rows::write(out, &rows)?;
    if let Some((low, high)) = across.mean_goodput_between {
        writeln!(out, "mean goodput: {} to {}, with a confidence of 95 %", percent(low), percent(high))?;
    }
    Ok(())
}

/// Writes policies beside each other: a line for each.
///
/// # Errors
/// If it cannot be written.
pub fn comparison(out: &mut dyn Write, policies: &[(&dyn Policy, Across)]) -> io::Result<()> {
    let classes = classes(policies);
    let mut header: Vec<String> = COLUMNS.map(str::to_owned).to_vec();
    header.extend(classes.iter().map(|class| class.as_str().to_owned()));
    let mut rows = vec![header];
    for (policy, across) in policies {
        let mut row = vec![
            name(*policy),
            percent(across.goodput.median),
            percent(across.goodput.worst),
            across.goodput.worst_seed.to_string(),
            recovery(across.recovery.median),
            recovery(across.recovery.worst),
            factor(across.amplification.median),
            factor(across.peak_amplification.worst),
            percent(across.wasted.median),
            latency(across.p50.median),
            latency(across.p99.median),
            latency(across.p999.median),
            percent(across.refused.median),
            factor(across.fairness.worst),
            across.lost.median.to_string(),
        ];
        let of_class = |class| across.by_priority.get(class).map(|figure| percent(figure.worst));
        row.extend(classes.iter().map(|class| of_class(class).unwrap_or_else(|| "-".to_owned())));
        rows.push(row);
    }
    rows::write(out, &rows)?;
    writeln!(out, "{LEGEND}")
}

const COLUMNS: [&str; 15] = [
    "policy", "goodput", "worst", "seed", "recovery", "worst", "attempts", "peak", "wasted", "p50", "p99",
    "p99.9", "refused", "fairness", "lost",
];

const LEGEND: &str = "\
each figure is the median of all seeds, but for the worst of all: the columns `worst`, the peak (attempts a call in 10 s), fairness, and the
goodput of each class of calls; `seed` is that of the worst goodput; the times are those of answered calls";

/// What the policy is called; a model is called one.
fn name(policy: &dyn Policy) -> String {
    let label = if policy.is_model() { " (model)" } else { "" };
    format!("{}{label}", policy.name())
}

/// The classes that call, the most important first; none if all calls are alike.
fn classes(policies: &[(&dyn Policy, Across)]) -> Vec<Priority> {
    let mut classes: Vec<_> =
        policies.iter().flat_map(|(_, across)| across.by_priority.keys().copied()).collect();
    classes.sort_unstable_by(|a, b| b.cmp(a));
    classes.dedup();
    if classes.len() > 1 { classes } else { Vec::new() }
}

fn row<T: Copy>(name: &str, figure: &Figure<T>, show: impl Fn(T) -> String) -> Vec<String> {
    vec![name.to_owned(), show(figure.median), show(figure.worst), figure.worst_seed.to_string()]
}

fn goodput_of(class: Priority) -> String {
    format!("  goodput of {}", class.as_str())
}
