use serde_json::json;

/// Whether a larger figure is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Rows a second.
    Higher,
    /// Nanoseconds, bytes.
    Lower,
}

/// Somebody who was measured.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Ours, or a peer's name.
    pub name: String,
    /// What was measured, taken in turn with the other side's.
    pub samples: Vec<f64>,
    /// The same with two threads that share one instance, by thread; empty if it makes no sense.
    pub two_threads: Vec<f64>,
    /// Allocations a call, where one process can count them.
    pub allocations: Option<f64>,
    /// Bytes that these asked for.
    pub bytes: Option<f64>,
}

impl Side {
    /// A side of which only samples are known.
    pub fn new(name: impl Into<String>, samples: Vec<f64>) -> Self {
        Self { name: name.into(), samples, ..Self::default() }
    }
}

/// One line of a benchmark: ours beside a peer, measured in the same run.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What is measured.
    pub what: String,
    /// Ours.
    pub subject: Side,
    /// What it is measured beside.
    pub peer: Side,
    /// The unit of all samples.
    pub unit: &'static str,
    /// Which direction is good.
    pub better: Better,
    /// What the ratio has to reach: at least this if higher is better, else at most. `None` for information.
    pub goal: Option<f64>,
    /// How many threads of ours were at it at once.
    pub threads: u32,
}

impl Comparison {
    /// Ours over the peer's, each by its best sample: on a noisy machine the best is the least disturbed.
    pub fn ratio(&self) -> f64 {
        self.over(&self.subject.samples, &self.peer.samples)
    }

    /// Whether the goal is met, if there is one.
    pub fn met(&self) -> Option<bool> {
        self.goal.map(|goal| match self.better {
            Better::Higher => self.ratio() >= goal,
            Better::Lower => self.ratio() <= goal,
        })
    }

    /// The ratio with two threads, where both sides have been measured so.
    pub fn two_threads_ratio(&self) -> Option<f64> {
        let measured = !self.subject.two_threads.is_empty() && !self.peer.two_threads.is_empty();
        measured.then(|| self.over(&self.subject.two_threads, &self.peer.two_threads))
    }

    fn over(&self, ours: &[f64], theirs: &[f64]) -> f64 {
        let pick = match self.better {
            Better::Higher => f64::max,
            Better::Lower => f64::min,
        };
        let best = |samples: &[f64]| samples.iter().copied().reduce(pick).unwrap_or(f64::NAN);
        let (ours, theirs) = (best(ours), best(theirs));
        // No allocations beside no allocations are as many.
        if ours.total_cmp(&theirs).is_eq() { 1.0 } else { ours / theirs }
    }

    fn json(&self) -> serde_json::Value {
        let Self { subject, peer, .. } = self;
        json!({
            "what": self.what, "subject": subject.name, "peer": peer.name, "threads": self.threads,
            "ratio": self.ratio(), "goal": self.goal, "met": self.met(), "unit": self.unit,
            "min": min(&subject.samples), "median": median(&subject.samples),
            "peer_min": min(&peer.samples), "peer_median": median(&peer.samples),
            "allocations": subject.allocations, "bytes": subject.bytes,
            "peer_allocations": peer.allocations, "peer_bytes": peer.bytes,
            "two_threads_ratio": self.two_threads_ratio(),
            "two_threads_min": min(&subject.two_threads), "two_threads_median": median(&subject.two_threads),
            "peer_two_threads_min": min(&peer.two_threads), "peer_two_threads_median": median(&peer.two_threads),
        })
    }
}

/// Prints a table, or with `json` one object a line. A missed goal is printed like any other line.
pub fn print(comparisons: &[Comparison], json: bool) {
    if json {
        for comparison in comparisons {
            println!("{}", comparison.json());
        }
        return;
    }
    let width = |name: fn(&Comparison) -> &str, title: &str| {
        let names = comparisons.iter().map(|c| name(c).chars().count());
        names.chain([title.len()]).max().unwrap_or_default()
    };
    let (subject, peer) = (width(|c| &c.subject.name, "subject"), width(|c| &c.peer.name, "peer"));
    println!(
        "  {:<subject$}  {:<peer$} {:>7} {:>7} {:<6} {:>9} {:>9} {:>9} {:>9} {:<6} {:>9} {:>9} {:>9} {:>9}",
        "subject",
        "peer",
        "ratio",
        "goal",
        "met",
        "min",
        "median",
        "peer min",
        "median",
        "unit",
        "2 threads",
        "peer's",
        "allocs/B",
        "peer's"
    );
    let mut heading = "";
    for c in comparisons {
        if c.what != heading {
            heading = &c.what;
            println!("{heading}");
        }
        let sign = if c.better == Better::Higher { "≥" } else { "≤" };
        println!(
            "  {:<subject$}  {:<peer$} {:>7.3} {:>7} {:<6} {:>9} {:>9} {:>9} {:>9} {:<6} {:>9} {:>9} {:>9} {:>9}",
            c.subject.name,
            c.peer.name,
            c.ratio(),
            c.goal.map_or_else(String::new, |goal| format!("{sign}{goal:.3}")),
            c.met().map_or("", |met| if met { "yes" } else { "MISSED" }),
            figure(min(&c.subject.samples)),
            figure(median(&c.subject.samples)),
            figure(min(&c.peer.samples)),
            figure(median(&c.peer.samples)),
            c.unit,
            figure(min(&c.subject.two_threads)),
            figure(min(&c.peer.two_threads)),
            memory(&c.subject),
            memory(&c.peer),
        );
    }
}

fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.abs() < 1000.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

fn memory(side: &Side) -> String {
    match (side.allocations, side.bytes) {
        (Some(count), Some(bytes)) => format!("{count:.1}/{bytes:.0}"),
        _ => "–".to_owned(),
    }
}

fn min(samples: &[f64]) -> Option<f64> {
    samples.iter().copied().reduce(f64::min)
}

fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[n / 2]),
        n => Some(f64::midpoint(sorted[n / 2 - 1], sorted[n / 2])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(better: Better, goal: Option<f64>) -> Comparison {
        Comparison {
            what: "rows".into(),
            subject: Side::new("ours", vec![80.0, 100.0, 90.0]),
            peer: Side::new("theirs", vec![110.0, 120.0, 125.0]),
            unit: "rows/s",
            better,
            goal,
            threads: 1,
        }
    }

    #[test]
    fn the_best_samples_are_compared_in_the_direction_that_is_good() {
        let rows = comparison(Better::Higher, Some(0.8));
        assert!((rows.ratio() - 0.8).abs() < 1e-9);
        assert_eq!(rows.met(), Some(true));
        let time = comparison(Better::Lower, Some(0.7));
        assert!((time.ratio() - 80.0 / 110.0).abs() < 1e-9);
        assert_eq!(time.met(), Some(false));
    }

    #[test]
    fn without_a_goal_nothing_is_met_or_missed() {
        assert_eq!(comparison(Better::Lower, None).met(), None);
    }

    #[test]
    fn nothing_beside_nothing_is_as_much() {
        let nothing = Side::new("nothing", vec![0.0]);
        let both =
            Comparison { subject: nothing.clone(), peer: nothing, ..comparison(Better::Lower, Some(1.0)) };
        assert_eq!(both.met(), Some(true));
    }

    #[test]
    fn the_json_line_has_every_key_of_the_contract() {
        let line = comparison(Better::Higher, Some(0.8)).json();
        for key in [
            "what",
            "subject",
            "peer",
            "ratio",
            "goal",
            "met",
            "unit",
            "min",
            "median",
            "allocations",
            "bytes",
        ] {
            assert!(line.get(key).is_some(), "{key}");
        }
        assert_eq!(line["median"], 90.0);
    }
}
