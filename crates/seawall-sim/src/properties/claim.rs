use super::{Plays, Property};

/// What a property says of a case.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The property.
    pub property: Property,
    /// What is measured.
    pub figure: &'static str,
    /// In which unit.
    pub unit: Unit,
    /// What it has to be, for every seed.
    pub target: Target,
    /// How it is read off the plays of one seed.
    pub measure: fn(&Plays) -> Measured,
}

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// So much or less.
    AtMost(f64),
    /// So much or more.
    AtLeast(f64),
    /// Anything: it is told, not judged. More is worse.
    AnyLow,
    /// Anything: it is told, not judged. Less is worse.
    AnyHigh,
}

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds; infinitely many are `never`.
    Seconds,
    /// A share, as per cent.
    Share,
    /// One number by another, such as attempts by calls.
    Ratio,
}

/// A figure of one seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The figure.
    pub value: f64,
    /// The policy that it is seen beside, if that may be another for each seed.
    pub beside: Option<&'static str>,
}

impl From<f64> for Measured {
    fn from(value: f64) -> Self {
        Self { value, beside: None }
    }
}

impl Target {
    /// Whether a figure is as it has to be.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::AnyLow | Self::AnyHigh => true,
        }
    }

    /// Whether it asks for anything.
    pub const fn judges(self) -> bool {
        matches!(self, Self::AtMost(_) | Self::AtLeast(_))
    }

    /// Puts figures in order, the best first.
    pub fn order(self, a: f64, b: f64) -> std::cmp::Ordering {
        match self {
            Self::AtMost(_) | Self::AnyLow => a.total_cmp(&b),
            Self::AtLeast(_) | Self::AnyHigh => b.total_cmp(&a),
        }
    }

    /// For people.
    pub fn show(self, unit: Unit) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {}", unit.show(most)),
            Self::AtLeast(least) => format!("≥ {}", unit.show(least)),
            Self::AnyLow | Self::AnyHigh => "–".to_owned(),
        }
    }
}

impl Unit {
    /// For people.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Seconds if value.is_infinite() => "never".to_owned(),
            Self::Seconds => format!("{value} s"),
            Self::Share => format!("{:.2} %", value * 100.0),
            Self::Ratio => format!("{value:.3}"),
        }
    }
}
