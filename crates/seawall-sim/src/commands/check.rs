use std::io::Write;

use seawall_sim::properties::{self, Property, Row};

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
    if !args.json && !args.markdown {
        writeln!(out, "{}", Row::HEADINGS)?;
    }
    let mut judged = Vec::new();
    properties::check(&cases, seeds, |rows| {
        for row in rows {
            if args.json {
                serde_json::to_writer(&mut *out, &row).map_err(std::io::Error::from)?;
                writeln!(out)?;
            } else if !args.markdown {
                writeln!(out, "{row}")?;
            }
            judged.push(row);
        }
        Ok::<_, Failure>(out.flush()?)
    })?;
    if args.markdown {
        pages(&judged, out)?;
    }
    let broken: Vec<_> = judged.iter().filter(|row| !row.holds()).collect();
    if !args.json && !args.markdown {
        // The held-out scenarios are reported, won or lost.
        let promised = broken.iter().filter(|row| Property::PROMISED.contains(&row.property));
        promised.into_iter().try_for_each(|row| explain(row, out))?;
    }
    out.flush()?;
    if broken.is_empty() { Ok(()) } else { Err(Failure::Broken(broken.len())) }
}

/// Tables in Markdown: how it stands with each property, and one for each.
fn pages(rows: &[Row], out: &mut dyn Write) -> Result<(), Failure> {
    let mut properties: Vec<_> = rows.iter().map(|row| row.property).collect();
    properties.sort();
    properties.dedup();
    let of = |property| rows.iter().filter(move |row| row.property == property);
    writeln!(out, "| property | | claims | broken |\n|---|---|---:|---:|")?;
    for property in &properties {
        let judged = of(*property).filter(|row| row.judged).count();
        let broken = of(*property).filter(|row| !row.holds()).count();
        writeln!(out, "| {property} | {} | {judged} | {broken} |", property.title())?;
    }
    for property in &properties {
        writeln!(out, "\n**{property}: {}**\n\n{}", property.title(), Row::MARKDOWN_HEADINGS)?;
        of(*property).try_for_each(|row| writeln!(out, "{}", row.markdown()))?;
    }
    Ok(())
}

fn explain(row: &Row, out: &mut dyn Write) -> Result<(), Failure> {
    let Row { property, case, figure, target, worst, worst_seed, replay, .. } = row;
    let title = property.title();
    writeln!(out, "\n{property} ({title}) is broken in `{case}`:")?;
    writeln!(out, "  {figure} {worst} with seed {worst_seed}, and should be {target}; to see it:")?;
    Ok(writeln!(out, "  {replay}")?)
}
