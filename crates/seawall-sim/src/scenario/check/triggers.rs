use std::time::Duration;

use super::tiers::no_such_tier;
use super::{Checked, GREATEST_FACTOR, InvalidScenario, TURN, ensure, share, time};
use crate::scenario::{Scenario, Tier, Trigger, TriggerKind};

pub(super) fn check(scenario: &Scenario) -> Checked {
    for (index, trigger) in scenario.triggers.iter().enumerate() {
        let key = |key: &str| format!("triggers[{index}].{key}");
        when(&key, trigger, scenario.duration)?;
        let tier = whom(&key, trigger, &scenario.tiers)?;
        what(&key, &trigger.kind, tier)?;
    }
    Ok(())
}

fn when(key: &impl Fn(&str) -> String, trigger: &Trigger, duration: Duration) -> Checked {
    let Trigger { at, lasts, .. } = *trigger;
    ensure(at < duration, &key("at"), || {
        format!("{at:?} is when the scenario is over, set it below the duration, {duration:?}")
    })?;
    time(&key("lasts"), lasts, TURN)?;
    ensure(at + lasts <= duration, &key("lasts"), || {
        format!(
            "from {at:?} on, {lasts:?} go beyond the duration, {duration:?}, set it to {:?} or less",
            duration.saturating_sub(at)
        )
    })
}

fn whom<'s>(
    key: &impl Fn(&str) -> String,
    trigger: &Trigger,
    tiers: &'s [Tier],
) -> Result<&'s Tier, InvalidScenario> {
    let place = tiers.iter().position(|tier| trigger.tier.as_ref().is_none_or(|name| &tier.name == name));
    ensure(place.is_some(), &key("tier"), || {
        no_such_tier(trigger.tier.as_deref().unwrap_or_default(), tiers)
    })?;
    let tier = &tiers[place.unwrap_or_default()];
    if matches!(trigger.kind, TriggerKind::LoadSpike { .. }) {
        for (given, name) in [(trigger.tier.is_some(), "tier"), (trigger.replicas.is_some(), "replicas")] {
            ensure(!given, &key(name), || "a load spike is of the clients, leave it out".to_owned())?;
        }
    }
    if let Some(replicas) = &trigger.replicas {
        ensure(!replicas.is_empty(), &key("replicas"), || "it names none, leave it out for all".to_owned())?;
        for (index, replica) in replicas.iter().enumerate() {
            ensure(*replica < tier.replicas.get(), &key(&format!("replicas[{index}]")), || {
                let Tier { name, replicas, .. } = tier;
                format!("`{name}` has no replica {replica}: it has {replicas}, counted from 0")
            })?;
        }
    }
    Ok(tier)
}

fn what(key: &impl Fn(&str) -> String, kind: &TriggerKind, tier: &Tier) -> Checked {
    match *kind {
        TriggerKind::CapacityCut { to } => share(&key("to"), to),
        TriggerKind::LoadSpike { factor } => {
            ensure(factor > 0.0 && factor <= GREATEST_FACTOR, &key("factor"), || {
                format!("{factor:?} times as many calls cannot be, set it above 1, or above 0 for a lull")
            })
        }
        TriggerKind::PartialFailure { share: value, after, .. } => {
            share(&key("share"), value)?;
            time(&key("after"), after, Duration::ZERO)
        }
        TriggerKind::Brownout { slower } | TriggerKind::ColdStart { slower } => {
            ensure((1.0..=GREATEST_FACTOR).contains(&slower), &key("slower"), || {
                format!("{slower:?} times as slow cannot be, set it from 1 to {GREATEST_FACTOR}")
            })
        }
        TriggerKind::BlackHole { share: value } => share(&key("share"), value),
        TriggerKind::CacheFlush => ensure(tier.cache_hit_ratio > 0.0, &key("kind"), || {
            format!("`{}` has no cache to flush, give it a `cache_hit_ratio` above 0", tier.name)
        }),
        TriggerKind::Pauses { every, length } => {
            time(&key("every"), every, TURN)?;
            time(&key("for"), length, TURN)?;
            ensure(length < every, &key("for"), || {
                format!("with a pause of {length:?} every {every:?} nothing ever moves, set it below that")
            })
        }
        TriggerKind::Flapping { down, up } => {
            time(&key("down"), down, TURN)?;
            time(&key("up"), up, TURN)
        }
    }
}
