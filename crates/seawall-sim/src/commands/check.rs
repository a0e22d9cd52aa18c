use std::io::Write;

use seawall_sim::properties::{self, Property, Row};
use seawall_sim::scenario::ScenarioError;

use crate::args::CheckArgs;
use crate::failure::Failure;

/// Judges properties, seed by seed, and says of every one that is broken how to see it.
pub(crate) fn check(args: &CheckArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let properties = match args.properties.as_slice() {
        [] => &Property::PROMISED[..],
        some => some,
    };
    let mut cases = properties::cases(properties);
    cases.retain(|case| args.case.as_ref().is_none_or(|part| case.name.contains(part)));
    if cases.is_empty() {
        return Err(Failure::Input("there is no such case".to_owned()));
    }
    let seeds = args.seed.map_or_else(|| args.seeds.0.clone(), |seed| seed..seed + 1);
    let mut printed = Printed::default();
    let mut broken = Vec::new();
    properties::check(&cases, seeds, |rows| {
        for row in rows {
            printed.row(args, &row, out)?;
            if !row.holds() {
                broken.push(row);
            }
        }
        Ok::<_, Failure>(out.flush()?)
    })?;
    if broken.is_empty() {
        return Ok(());
    }
    if !args.json && !args.markdown {
        // The others are reported, won or lost.
        let promised = broken.iter().filter(|row| Property::PROMISED.contains(&row.property));
        promised.into_iter().try_for_each(|row| explain(row, out))?;
    }
    out.flush()?;
    Err(Failure::Broken(broken.len()))
}

/// How far the tables are.
#[derive(Debug, Default)]
struct Printed {
    property: Option<Property>,
}

impl Printed {
    fn row(&mut self, args: &CheckArgs, row: &Row, out: &mut dyn Write) -> Result<(), Failure> {
        if args.json {
            serde_json::to_writer(&mut *out, row).map_err(std::io::Error::from)?;
            return Ok(writeln!(out)?);
        }
        let before = self.property.replace(row.property);
        if !args.markdown {
            if before.is_none() {
                writeln!(out, "{}", Row::HEADINGS)?;
            }
            return Ok(writeln!(out, "{row}")?);
        }
        if before != Some(row.property) {
            writeln!(out, "\n**{}: {}**\n\n{}", row.property, row.property.title(), Row::MARKDOWN_HEADINGS)?;
        }
        Ok(writeln!(out, "{}", row.markdown())?)
    }
}

fn explain(row: &Row, out: &mut dyn Write) -> Result<(), Failure> {
    let Row { property, case, figure, target, worst, worst_seed, replay, .. } = row;
    let title = property.title();
    writeln!(out, "\n{property} ({title}) is broken in `{case}`:")?;
    writeln!(out, "  {figure} {worst} with seed {worst_seed}, and should be {target}; to see it:")?;
    Ok(writeln!(out, "  {replay}")?)
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        Self::Input(error.to_string())
    }
}
