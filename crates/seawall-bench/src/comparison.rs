use serde_json::json;

/// Whether a larger figure is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Rows a second.
    Higher,
    /// Nanoseconds, bytes.
    Lower,
}

/// One line of a benchmark: samples of ours beside samples of a peer's, taken in turn in the same run.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What is measured.
    pub what: String,
    /// Ours, by name.
    pub subject: String,
    /// What it is measured beside.
    pub peer: String,
    /// The unit of all samples.
    pub unit: &'static str,
    /// Which direction is good.
    pub better: Better,
    /// What the ratio has to reach: at least this if higher is better, else at most.
    pub goal: f64,
    /// Our samples.
    pub samples: Vec<f64>,
    /// The peer's samples.
    pub peer_samples: Vec<f64>,
    /// Allocations a call, where one process can count them.
    pub allocations: Option<f64>,
}

impl Comparison {
    /// Ours over the peer's, each by its best sample: on a noisy machine the best is the least disturbed.
    pub fn ratio(&self) -> f64 {
        self.best(&self.samples) / self.best(&self.peer_samples)
    }

    /// Whether the goal is met.
    pub fn met(&self) -> bool {
        match self.better {
            Better::Higher => self.ratio() >= self.goal,
            Better::Lower => self.ratio() <= self.goal,
        }
    }

    fn best(&self, samples: &[f64]) -> f64 {
        let pick = match self.better {
            Better::Higher => f64::max,
            Better::Lower => f64::min,
        };
        samples.iter().copied().reduce(pick).unwrap_or(f64::NAN)
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "what": self.what, "subject": self.subject, "peer": self.peer,
            "ratio": self.ratio(), "goal": self.goal, "met": self.met(), "unit": self.unit,
            "min": min(&self.samples), "median": median(&self.samples),
            "peer_min": min(&self.peer_samples), "peer_median": median(&self.peer_samples),
            "allocations": self.allocations,
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
    println!(
        "{:<34} {:<16} {:<18} {:>7} {:>7} {:<6} {:>12} {:>12} {:>12} {:>12} {:<7} {:>7}",
        "what",
        "subject",
        "peer",
        "ratio",
        "goal",
        "met",
        "min",
        "median",
        "peer min",
        "peer median",
        "unit",
        "allocs"
    );
    for c in comparisons {
        let sign = if c.better == Better::Higher { "≥" } else { "≤" };
        println!(
            "{:<34} {:<16} {:<18} {:>7.2} {:>7} {:<6} {:>12.0} {:>12.0} {:>12.0} {:>12.0} {:<7} {:>7}",
            c.what,
            c.subject,
            c.peer,
            c.ratio(),
            format!("{sign}{}", c.goal),
            if c.met() { "yes" } else { "MISSED" },
            min(&c.samples),
            median(&c.samples),
            min(&c.peer_samples),
            median(&c.peer_samples),
            c.unit,
            c.allocations.map_or_else(|| "–".to_owned(), |count| format!("{count:.1}")),
        );
    }
}

fn min(samples: &[f64]) -> f64 {
    samples.iter().copied().reduce(f64::min).unwrap_or(f64::NAN)
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(better: Better, goal: f64) -> Comparison {
        Comparison {
            what: "rows".into(),
            subject: "ours".into(),
            peer: "theirs".into(),
            unit: "rows/s",
            better,
            goal,
            samples: vec![80.0, 100.0, 90.0],
            peer_samples: vec![110.0, 120.0, 125.0],
            allocations: None,
        }
    }

    #[test]
    fn the_best_samples_are_compared_in_the_direction_that_is_good() {
        let rows = comparison(Better::Higher, 0.8);
        assert!((rows.ratio() - 0.8).abs() < 1e-9 && rows.met());
        let time = comparison(Better::Lower, 0.7);
        assert!((time.ratio() - 80.0 / 110.0).abs() < 1e-9 && !time.met());
    }

    #[test]
    fn the_json_line_has_every_key_of_the_contract() {
        let line = comparison(Better::Higher, 0.8).json();
        for key in ["what", "subject", "peer", "ratio", "goal", "met", "unit", "min", "median", "allocations"]
        {
            assert!(line.get(key).is_some(), "{key}");
        }
        assert_eq!(line["median"], 90.0);
    }
}
