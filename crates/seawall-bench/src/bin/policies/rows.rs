//! From what was measured to the lines of the table.

use seawall_bench::{Better, Comparison, Side};

use crate::goals::{GOALS, Goal, TWO_THREADS};

/// The lines of one group: each goal, and ours with two threads beside ours with one.
pub(crate) fn rows(what: &str, pends: bool, sides: &[Side]) -> Vec<Comparison> {
    let title = if pends { format!("{what}, pending once") } else { what.to_owned() };
    let goals = GOALS.iter().filter(|goal| goal.what == what);
    let beside_peers = goals.map(|goal| beside(goal, &title, sides));
    let ours = sides.iter().filter(|side| side.name.starts_with("seawall") && !side.two_threads.is_empty());
    beside_peers.chain(ours.map(|side| by_two_threads(&title, side))).collect()
}

fn beside(goal: &Goal, title: &str, sides: &[Side]) -> Comparison {
    let find = |name: &str| {
        let side = sides.iter().find(|side| side.name == name);
        side.unwrap_or_else(|| panic!("{title}: there is no `{name}`")).clone()
    };
    Comparison {
        what: title.to_owned(),
        subject: find(goal.subject),
        peer: find(goal.peer),
        unit: "ns",
        better: Better::Lower,
        goal: goal.at_most,
        threads: 1,
    }
}

fn by_two_threads(title: &str, side: &Side) -> Comparison {
    let subject = Side { samples: side.two_threads.clone(), two_threads: Vec::new(), ..side.clone() };
    let alone = Side { name: "one thread".to_owned(), two_threads: Vec::new(), ..side.clone() };
    Comparison {
        what: format!("two threads: {title}"),
        subject,
        peer: alone,
        unit: "ns",
        better: Better::Lower,
        goal: Some(TWO_THREADS),
        threads: 2,
    }
}
