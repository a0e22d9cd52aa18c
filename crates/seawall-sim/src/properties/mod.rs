//! What the default stack promises, as code that judges it seed by seed.
//!
//! A [`Case`] is a scenario, the policies that play it, and what is claimed of the outcome. A claim holds if it holds for
//! every seed: [`check`] tells the median, the worst, and the command that plays the worst again.
//!
//! | property | judged in |
//! |---|---|
//! | it comes back | `comes_back` |
//! | no storm | `comes_back`, `no_storm` |
//! | it leaves health alone | `health_alone` |
//! | half broken stays useful | `half_broken` |
//! | the important first | `important_first` |
//! | no wedge | `no_wedge`, with the histories of [`history`] |
//! | no hysteresis | `no_hysteresis` |
//! | tails | `tails` |
//! | held out | `held_out`: scenarios that no policy was tuned on, reported whether they are won or lost |

mod case;
mod check;
mod claim;
mod comes_back;
mod half_broken;
mod health_alone;
mod held_out;
mod history;
mod important_first;
mod no_hysteresis;
mod no_storm;
mod no_wedge;
mod play;
mod row;
mod tails;
mod variant;

use std::fmt;

pub use case::{Case, Source};
pub use check::check;
pub use claim::{Claim, Measured, Target, Unit};
use clap::ValueEnum;
pub use history::history;
pub use play::{Play, Plays};
pub use row::Row;
use serde::Serialize;
pub use variant::Variant;

/// A promise of the default stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
pub enum Property {
    /// P1: it comes back.
    #[value(name = "P1")]
    #[serde(rename = "P1")]
    ComesBack,
    /// P2: no storm.
    #[value(name = "P2")]
    #[serde(rename = "P2")]
    NoStorm,
    /// P3: it leaves health alone.
    #[value(name = "P3")]
    #[serde(rename = "P3")]
    HealthAlone,
    /// P4: half broken stays useful.
    #[value(name = "P4")]
    #[serde(rename = "P4")]
    HalfBroken,
    /// P5: the important first.
    #[value(name = "P5")]
    #[serde(rename = "P5")]
    ImportantFirst,
    /// P6: no wedge.
    #[value(name = "P6")]
    #[serde(rename = "P6")]
    NoWedge,
    /// P7: no hysteresis.
    #[value(name = "P7")]
    #[serde(rename = "P7")]
    NoHysteresis,
    /// P8: tails.
    #[value(name = "P8")]
    #[serde(rename = "P8")]
    Tails,
    /// Scenarios that no policy was tuned on, beside none and every modelled anchor.
    #[value(name = "held-out")]
    #[serde(rename = "held-out")]
    HeldOut,
}

impl Property {
    /// Those that have to hold.
    pub const PROMISED: [Self; 8] = [
        Self::ComesBack,
        Self::NoStorm,
        Self::HealthAlone,
        Self::HalfBroken,
        Self::ImportantFirst,
        Self::NoWedge,
        Self::NoHysteresis,
        Self::Tails,
    ];

    /// What it says, in a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ComesBack => "it comes back",
            Self::NoStorm => "no storm",
            Self::HealthAlone => "it leaves health alone",
            Self::HalfBroken => "half broken stays useful",
            Self::ImportantFirst => "the important first",
            Self::NoWedge => "no wedge",
            Self::NoHysteresis => "no hysteresis",
            Self::Tails => "tails",
            Self::HeldOut => "held out",
        }
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("every property can be named on the command line");
        f.pad(value.get_name())
    }
}

/// Every case of which one of these properties claims something; the other properties' claims are left out.
pub fn cases(properties: &[Property]) -> Vec<Case> {
    let all = [
        comes_back::cases(),
        no_storm::cases(),
        health_alone::cases(),
        half_broken::cases(),
        important_first::cases(),
        no_wedge::cases(),
        no_hysteresis::cases(),
        tails::cases(),
        held_out::cases(),
    ];
    let mut cases: Vec<_> = all.into_iter().flatten().collect();
    for case in &mut cases {
        case.claims.retain(|claim| properties.contains(&claim.property));
    }
    cases.retain(|case| !case.claims.is_empty());
    cases
}
