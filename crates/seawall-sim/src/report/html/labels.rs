use std::time::Duration;

use super::text::cut;
use crate::report::number::{part, short, time, times};
use crate::scenario::{Scenario, Trigger, TriggerKind};

/// The longest name of a tier that a plot shows whole.
const LONGEST: usize = 24;

/// What a trigger does, and to whom.
pub(super) fn name(trigger: &Trigger, scenario: &Scenario) -> String {
    let mut name = kind(&trigger.kind);
    if scenario.tiers.len() > 1
        && let Some(tier) = &trigger.tier
    {
        name = format!("{}: {name}", cut(tier, LONGEST));
    }
    match trigger.replicas.as_deref() {
        None => name,
        Some([one]) => format!("{name}, at replica {one}"),
        Some(several) => format!("{name}, at {} replicas", several.len()),
    }
}

fn kind(kind: &TriggerKind) -> String {
    match *kind {
        TriggerKind::CapacityCut { to } => format!("capacity cut to {}", part(to)),
        TriggerKind::LoadSpike { factor } => format!("{} the load", times(factor)),
        TriggerKind::PartialFailure { share, after, .. } => {
            format!("{} fail after {}", part(share), time(after))
        }
        TriggerKind::Brownout { slower } => format!("{} slower", times(slower)),
        TriggerKind::BlackHole { share: 1.0 } => "black hole".to_owned(),
        TriggerKind::BlackHole { share } => format!("black hole for {}", part(share)),
        TriggerKind::CacheFlush => "cache flushed".to_owned(),
        TriggerKind::ColdStart { slower } => format!("cold start, {} slower at first", times(slower)),
        TriggerKind::Pauses { every, length } => format!("pauses of {} every {}", time(length), time(every)),
        TriggerKind::Flapping { down, up } => format!("flapping: {} down, {} up", time(down), time(up)),
    }
}

/// From when to when.
pub(super) fn span(trigger: &Trigger) -> String {
    let end = trigger.at.saturating_add(trigger.lasts);
    format!("{}\u{2013}{} s", seconds(trigger.at), seconds(end))
}

fn seconds(time: Duration) -> String {
    short(time.as_secs_f64(), 1)
}

/// A text in a plot, with its middle at a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Label {
    pub(super) text: String,
    pub(super) at: f64,
    /// From the top, counted from 0.
    pub(super) row: usize,
}

/// Finds rows for these texts, each with the time it belongs to, so that none covers another.
///
/// A plot shows `whole` seconds, and so much time lies under a character. What would take a row beyond `rows` is left out.
pub(super) fn placed(
    texts: Vec<(f64, String)>,
    whole: f64,
    under_a_character: f64,
    rows: usize,
) -> Vec<Label> {
    let mut taken_until = vec![f64::NEG_INFINITY; rows];
    let mut labels: Vec<_> = texts
        .into_iter()
        .map(|(at, text)| {
            let half = text.chars().count() as f64 * under_a_character / 2.0;
            (at.min(whole - half).max(half), half, text)
        })
        .collect();
    labels.sort_by(|a, b| (a.0 - a.1).total_cmp(&(b.0 - b.1)));
    let place = |(at, half, text): (f64, f64, String)| {
        let row = taken_until.iter().position(|until| *until <= at - half)?;
        taken_until[row] = at + half + 2.0 * under_a_character;
        Some(Label { text, at, row })
    };
    labels.into_iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_would_cover_each_other_go_to_rows_of_their_own() {
        let texts =
            vec![(20.0, "a long text".to_owned()), (22.0, "another".to_owned()), (80.0, "far".to_owned())];
        let rows: Vec<_> = placed(texts, 100.0, 1.0, 3).into_iter().map(|label| label.row).collect();
        assert_eq!(rows, [0, 1, 0]);
    }

    #[test]
    fn a_label_at_the_edge_stays_within_the_plot() {
        let placed =
            placed(vec![(0.0, "ten chars.".to_owned()), (100.0, "ten chars.".to_owned())], 100.0, 1.0, 1);
        assert_eq!(placed.iter().map(|label| label.at as u32).collect::<Vec<_>>(), [5, 95]);
    }
}
