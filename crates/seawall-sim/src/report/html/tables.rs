use std::collections::BTreeSet;

use seawall_core::Priority;

use super::palette::Palette;
use super::text::escape;
use super::{PolicyResult, Section};
use crate::measure::{Across, Figure};
use crate::report::number::{count, factor, latency, percent, recovery};

/// A column: its heading, what it means, and its cell.
type Column = (&'static str, &'static str, fn(&Across) -> String);

const COLUMNS: [Column; 11] = [
    ("goodput", "calls answered within the deadline, of all", |across| cell(&across.goodput, percent)),
    (
        "recovery",
        "from the trigger\u{2019}s end until 95 % of the calls are good for ten seconds",
        |across| cell(&across.recovery, recovery),
    ),
    ("lost", "calls not answered in time since the first trigger began", |across| cell(&across.lost, count)),
    ("attempts", "attempts for each call", |across| cell(&across.amplification, factor)),
    ("at peak", "attempts for each call in the worst ten seconds", |across| {
        cell(&across.peak_amplification, factor)
    }),
    ("wasted", "servers\u{2019} work for callers who had left, of all their work", |across| {
        cell(&across.wasted, percent)
    }),
    ("refused", "calls that the client refused by itself, of all", |across| cell(&across.refused, percent)),
    ("p50", "half of the answers took no longer", |across| cell(&across.p50, latency)),
    ("p99", "99 % of the answers took no longer", |across| cell(&across.p99, latency)),
    ("p99.9", "99.9 % of the answers took no longer", |across| cell(&across.p999, latency)),
    (
        "fairness",
        "Jain\u{2019}s index over the clients\u{2019} goodput: 1 if it is the same for all",
        |across| cell(&across.fairness, factor),
    ),
];

/// Every policy's figures: the median of all seeds, and below it the worst with its seed.
pub(super) fn figures(section: &Section, palette: &Palette) -> String {
    let headings = COLUMNS
        .iter()
        .map(|(name, meaning, _)| format!("<th scope=\"col\" title=\"{}\">{name}</th>", escape(meaning)));
    let row = |policy: &PolicyResult| {
        let cells = COLUMNS.iter().map(|(_, _, cell)| format!("<td>{}</td>", cell(&policy.across)));
        format!("<tr>{}{}</tr>\n", heading(policy, palette), cells.collect::<Vec<_>>().concat())
    };
    let rows: Vec<_> = section.policies.iter().map(row).collect();
    let meanings = COLUMNS.iter().map(|(name, meaning, _)| format!("<b>{name}</b> {}", escape(meaning)));
    format!(
        "<h3>Figures</h3>\n<p class=\"note\">The median of all seeds; below it the worst, with its seed in brackets.</p>\n\
         <div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">policy</th>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n\
         <p class=\"note\">{}.</p>\n",
        headings.collect::<Vec<_>>().concat(),
        rows.concat(),
        meanings.collect::<Vec<_>>().join("; "),
    )
}

/// Goodput by class. Empty if there is but one.
pub(super) fn priorities(section: &Section, palette: &Palette) -> String {
    let classes: BTreeSet<Priority> =
        section.policies.iter().flat_map(|policy| policy.across.by_priority.keys().copied()).collect();
    if classes.len() < 2 {
        return String::new();
    }
    let classes: Vec<_> = classes.into_iter().rev().collect();
    let headings = classes.iter().map(|class| format!("<th scope=\"col\">{}</th>", class.as_str()));
    let row = |policy: &PolicyResult| {
        let cells = classes.iter().map(|class| bar(policy.across.by_priority.get(class)));
        format!("<tr>{}{}</tr>\n", heading(policy, palette), cells.collect::<Vec<_>>().concat())
    };
    let rows: Vec<_> = section.policies.iter().map(row).collect();
    format!(
        "<h3>Goodput by priority</h3>\n<p class=\"note\">The bar is the median of all seeds, the mark in it the worst.</p>\n\
         <div class=\"wide\"><table class=\"bars\">\n\
         <thead><tr><th scope=\"col\">policy</th>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
        headings.collect::<Vec<_>>().concat(),
        rows.concat(),
    )
}

fn heading(policy: &PolicyResult, palette: &Palette) -> String {
    format!("<th scope=\"row\">{}</th>", palette.named(policy))
}

/// A share as a bar: the median is its length, a mark in it the worst.
fn bar(figure: Option<&Figure<f64>>) -> String {
    figure.map_or_else(
        || "<td></td>".to_owned(),
        |figure| {
            format!(
                "<td style=\"--median:{:.4};--worst:{:.4}\">{}</td>",
                figure.median,
                figure.worst,
                cell(figure, percent)
            )
        },
    )
}

fn cell<T: Copy>(figure: &Figure<T>, text: impl Fn(T) -> String) -> String {
    let (median, worst) = (text(figure.median), text(figure.worst));
    format!("{median}<small><b>{worst}</b> ({})</small>", figure.worst_seed)
}
