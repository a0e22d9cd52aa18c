use std::fmt;

use serde::{Serialize, Serializer};

use super::{Case, Claim, Measured, Property};

/// What became of one claim over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The property.
    pub property: Property,
    /// The case.
    pub case: String,
    /// What was measured.
    pub figure: &'static str,
    /// What it had to be, for people.
    pub target: String,
    /// The median over the seeds, for people.
    pub median: String,
    /// The worst, for people.
    pub worst: String,
    /// The median over the seeds; `null` if it is infinite.
    #[serde(serialize_with = "finite")]
    pub median_value: f64,
    /// The worst; `null` if it is infinite.
    #[serde(serialize_with = "finite")]
    pub worst_value: f64,
    /// The first seed that was as bad as the worst.
    pub worst_seed: u64,
    /// The policy beside which the worst was the worst, where that may be another for each seed.
    pub beside: Option<&'static str>,
    /// How many seeds there were.
    pub seeds: usize,
    /// For how many of them the claim did not hold.
    pub broken: usize,
    /// Whether it is judged at all, or only told.
    pub judged: bool,
    /// The command that plays the worst seed again.
    pub replay: String,
}

impl Row {
    /// What stands above the lines.
    pub const HEADINGS: &str = concat!(
        "property case                                                       figure                                 ",
        "   target    median                worst  seed  verdict"
    );
    /// What stands above the rows in Markdown.
    pub const MARKDOWN_HEADINGS: &str = "| case | figure | target | median | worst | its seed | verdict |\n\
                                         |---|---|---:|---:|---:|---:|---|";

    pub(super) fn new(case: &Case, claim: &Claim, mut seeds: Vec<(u64, Measured)>) -> Self {
        let target = claim.target;
        // Stable: of seeds that are equally bad, the first stays the first.
        seeds.sort_by(|a, b| target.order(b.1.value, a.1.value));
        let (worst_seed, worst) = seeds[0];
        let median = seeds[seeds.len() / 2].1.value;
        Self {
            property: claim.property,
            case: case.name.clone(),
            figure: claim.figure,
            target: target.show(claim.unit),
            median: claim.unit.show(median),
            worst: claim.unit.show(worst.value),
            median_value: median,
            worst_value: worst.value,
            worst_seed,
            beside: worst.beside,
            seeds: seeds.len(),
            broken: seeds.iter().filter(|(_, measured)| !target.holds(measured.value)).count(),
            judged: target.judges(),
            replay: case.replay(case.policies[0], worst_seed),
        }
    }

    /// Whether the claim held for every seed.
    pub const fn holds(&self) -> bool {
        self.broken == 0
    }

    /// As a row of a table in Markdown, without the property.
    pub fn markdown(&self) -> String {
        let Self { case, figure, target, median, .. } = self;
        format!(
            "| {case} | {figure} | {target} | {median} | {} | {} | {} |",
            self.worst_beside(),
            self.worst_seed,
            self.verdict()
        )
    }

    fn worst_beside(&self) -> String {
        self.beside.map_or_else(|| self.worst.clone(), |beside| format!("{} ({beside})", self.worst))
    }

    fn verdict(&self) -> String {
        match (self.judged, self.broken) {
            (false, _) => "–".to_owned(),
            (true, 0) => "holds".to_owned(),
            (true, broken) if self.property == Property::HeldOut => {
                format!("lost for {broken} of {}", self.seeds)
            }
            (true, broken) => format!("FAILS for {broken} of {}", self.seeds),
        }
    }
}

/// As a line of a table for people.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { property, case, figure, target, median, worst_seed, .. } = self;
        let (worst, verdict) = (self.worst_beside(), self.verdict());
        write!(
            f,
            "{property:<8} {case:<58} {figure:<38} {target:>9} {median:>9} {worst:>20} {worst_seed:>5}  {verdict}"
        )
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference to the field")]
fn finite<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    value.is_finite().then_some(*value).serialize(serializer)
}
