//! JSON, one object a line. The names are stable, and name the unit where there is one.

use std::io::{self, Write};
use std::ops::Range;

use serde::Serialize;

use crate::policy::Policy;

/// Writes the figures of a scenario and a policy: of one seed a [`Summary`](crate::measure::Summary), of several an
/// [`Across`](crate::measure::Across).
///
/// # Errors
/// If it cannot be written.
pub fn write(
    out: &mut dyn Write,
    scenario: &str,
    policy: &dyn Policy,
    seeds: &Range<u64>,
    figures: &impl Serialize,
) -> io::Result<()> {
    let line = Line {
        scenario,
        policy: policy.name(),
        model: policy.is_model(),
        first_seed: seeds.start,
        last_seed: seeds.end - 1,
        figures,
    };
    writeln!(out, "{}", serde_json::to_string(&line)?)
}

#[derive(Serialize)]
struct Line<'a, T> {
    scenario: &'a str,
    policy: &'a str,
    model: bool,
    first_seed: u64,
    last_seed: u64,
    #[serde(flatten)]
    figures: &'a T,
}
