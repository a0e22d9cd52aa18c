//! P6: no history leaves a stack in a state that a healthy backend does not bring it back from.
//!
//! That a limit is all there again, from any state, is a law of `seawall-core`
//! (`limit_laws::from_any_state_a_healthy_backend_is_given_the_full_limit_again`). Here the whole stack shows it: ten
//! seconds after the last trigger, more load than before is answered.

use std::time::Duration;

use super::{Case, Claim, Plays, Property, Source, Target, Unit, history};
use crate::measure::{last_trigger_ends, troubled_from};

pub(super) fn cases() -> Vec<Case> {
    vec![Case {
        name: "a random history".to_owned(),
        source: Source::History,
        policies: vec!["seawall"],
        claims: vec![answered(), open(), limit()],
    }]
}

fn answered() -> Claim {
    Claim {
        property: Property::NoWedge,
        figure: "goodput from 10 s after the end on",
        unit: Unit::Share,
        target: Target::AtLeast(0.99),
        measure: |plays: &Plays| {
            let from = last_trigger_ends(&plays.scenario).unwrap_or_default() + history::RECOVERY;
            plays.ours().goodput(from, Duration::MAX).into()
        },
    }
}

fn open() -> Claim {
    Claim {
        figure: "circuits open at the end",
        target: Target::AtMost(0.0),
        measure: |plays: &Plays| {
            let open = plays.ours().run.seconds.last().map_or(0, |second| second.open);
            (open as f64 / f64::from(plays.scenario.clients.count.get())).into()
        },
        ..answered()
    }
}

/// Only told: a limit that nothing fills does not grow, and one that was never cut is larger than anybody needs.
fn limit() -> Claim {
    Claim {
        figure: "limit at the end by that before",
        unit: Unit::Ratio,
        target: Target::AnyHigh,
        measure: |plays: &Plays| {
            let first = troubled_from(&plays.scenario).as_secs();
            let seconds = &plays.ours().run.seconds;
            let before = usize::try_from(first).ok().and_then(|first| seconds[..first].last()?.limit);
            let after = seconds.last().and_then(|second| second.limit);
            before.zip(after).map_or(f64::NAN, |(before, after)| after / before).into()
        },
        ..answered()
    }
}
