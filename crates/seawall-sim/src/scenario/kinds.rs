//! Tables that have a `kind`, which says what else they hold.
//!
//! serde can read them as they are, but then forgets in which line it is, and does not refuse unknown keys everywhere.
//! So what belongs to the kind is nested under its name before serde sees it: `{ kind = "fixed", time = "1s" }` becomes
//! `{ fixed = { time = "1s" } }`, each key with the place it had.

use std::borrow::Cow;
use std::mem;
use std::ops::Range;

use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::InvalidScenario;

/// What a trigger has besides what belongs to its kind.
pub(super) const OF_EVERY_TRIGGER: [&str; 4] = ["at", "lasts", "tier", "replicas"];

/// A name that no kind has, so that serde tells those that there are.
pub(super) const MISSING: &str = "";

/// Nests what belongs to a kind, all over a scenario.
pub(super) fn nest(scenario: &mut DeTable<'_>) -> Result<(), InvalidScenario> {
    if let Some(DeValue::Table(clients)) = value(scenario, "clients")
        && let Some(arrivals) = clients.get_mut("arrivals")
    {
        nest_value("clients.arrivals", arrivals, r#"{ kind = "poisson" }"#)?;
    }
    if let Some(DeValue::Array(tiers)) = value(scenario, "tiers") {
        for (index, tier) in tiers.iter_mut().enumerate() {
            if let DeValue::Table(tier) = tier.get_mut()
                && let Some(time) = tier.get_mut("service_time")
            {
                let example = r#"{ kind = "exponential", mean = "20ms" }"#;
                nest_value(&format!("tiers[{index}].service_time"), time, example)?;
            }
        }
    }
    if let Some(DeValue::Array(triggers)) = value(scenario, "triggers") {
        for (index, trigger) in triggers.iter_mut().enumerate() {
            let (key, span) = (format!("triggers[{index}]"), trigger.span());
            if let DeValue::Table(trigger) = trigger.get_mut() {
                let (kind, own) = split(&key, span.clone(), trigger, &OF_EVERY_TRIGGER)?;
                let nested = DeValue::Table(DeTable::from_iter([(kind, own)]));
                trigger.insert(Spanned::new(span.clone(), "kind".into()), Spanned::new(span, nested));
            }
        }
    }
    Ok(())
}

/// Reads a kind that has no keys of its own.
pub(super) fn nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    Nothing::deserialize(deserializer).map(|Nothing {}| ())
}

fn nest_value(key: &str, value: &mut Spanned<DeValue<'_>>, example: &str) -> Result<(), InvalidScenario> {
    let span = value.span();
    let DeValue::Table(table) = value.get_mut() else {
        return Err(InvalidScenario::new(key, format!("this is no table, write one such as {example}")));
    };
    let (kind, own) = split(key, span, table, &[])?;
    table.insert(kind, own);
    Ok(())
}

type Entry<'i> = (Spanned<Cow<'i, str>>, Spanned<DeValue<'i>>);

/// Takes the kind, and all that belongs to it, off a table.
fn split<'i>(
    key: &str,
    span: Range<usize>,
    table: &mut DeTable<'i>,
    common: &[&str],
) -> Result<Entry<'i>, InvalidScenario> {
    let kind = match table.remove("kind") {
        Some(kind) => kind,
        None => Spanned::new(span.clone(), DeValue::String(MISSING.into())),
    };
    let place = kind.span();
    let DeValue::String(kind) = kind.into_inner() else {
        return Err(InvalidScenario::new(format!("{key}.kind"), "this is no text, write the name of a kind"));
    };
    let (common, own) =
        mem::take(table).into_iter().partition(|(name, _)| common.contains(&name.get_ref().as_ref()));
    *table = common;
    Ok((Spanned::new(place, kind), Spanned::new(span, DeValue::Table(own))))
}

fn value<'t, 'i>(table: &'t mut DeTable<'i>, key: &str) -> Option<&'t mut DeValue<'i>> {
    table.get_mut(key).map(Spanned::get_mut)
}
