//! From what was measured to the lines of the table.

use seawall_bench::{Better, Comparison, Side};

use crate::goals::{GOALS, Goal, Is, TWO_THREADS};

/// The lines of one group: each goal, and ours with two threads beside ours with one.
pub(crate) fn rows(what: &str, pends: bool, sides: &[Side]) -> Vec<Comparison> {
    let title = if pends { format!("{what}, pending once") } else { what.to_owned() };
    let goals = GOALS.iter().filter(|goal| goal.what == what);
    let beside_peers = goals.map(|goal| row(goal, &title, sides));
    let ours = sides.iter().filter(|side| side.name.starts_with("seawall") && !side.two_threads.is_empty());
    beside_peers.chain(ours.map(|side| by_two_threads(&title, side))).collect()
}

fn row(goal: &Goal, title: &str, sides: &[Side]) -> Comparison {
    let find = |name: &str| {
        let side = sides.iter().find(|side| side.name == name);
        side.unwrap_or_else(|| panic!("{title}: there is no `{name}`")).clone()
    };
    let subject = find(goal.subject);
    let (subject, peer, unit, at_most) = match goal.is {
        Is::Beside(peer, at_most) => (subject, find(peer), "ns", at_most),
        Is::Allocating(limit) => {
            let counted = subject.allocations.into_iter().collect();
            (Side::new(subject.name, counted), Side::new("at most", vec![limit]), "allocs", Some(1.0))
        }
    };
    Comparison {
        what: title.to_owned(),
        subject,
        peer,
        unit,
        better: Better::Lower,
        goal: at_most,
        threads: 1,
    }
}

fn by_two_threads(title: &str, side: &Side) -> Comparison {
    let named = |threads, samples: &[f64]| Side {
        name: format!("{}, {threads}", side.name),
        samples: samples.to_vec(),
        two_threads: Vec::new(),
        ..side.clone()
    };
    Comparison {
        what: title.to_owned(),
        subject: named("two threads", &side.two_threads),
        peer: named("one thread", &side.samples),
        unit: "ns",
        better: Better::Lower,
        goal: Some(TWO_THREADS),
        threads: 2,
    }
}
