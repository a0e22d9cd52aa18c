//! Where two promises pull against each other: what is still had of a backend that is nine tenths gone (P4), and what an
//! outage of all of it costs (P2). ADR 0006 chose by this.

use std::ops::Range;

use seawall_core::RetryBudgetConfig;

use crate::measure::Summary;
use crate::policy::{self, Policy, SeawallWith};
use crate::properties::Variant;
use crate::runner::run_seeds;
use crate::scenario::{Scenario, ScenarioError};

/// The retry budgets that are compared, as a share of the recent calls. The default is among them.
pub const RATIOS: [f64; 6] = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5];
/// From how many clients the calls come. The calls are the same number.
pub const CLIENTS: [u32; 3] = [5, 50, 500];
/// From how many they come where policies are compared.
pub const OTHERS_CLIENTS: u32 = 50;

/// All that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeOff {
    /// The default stack with each of these [`RATIOS`], for each number of [`CLIENTS`].
    pub ours: Vec<(u32, Vec<(f64, Outcome)>)>,
    /// What other policies make of it.
    pub others: Vec<(&'static str, Outcome)>,
}

/// Both sides of it: the medians of all seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The most attempts by calls of any ten seconds while everything fails at once.
    pub attempts: f64,
    /// The share of the calls that are answered while nine tenths of the attempts fail at once.
    pub answered: f64,
}

impl TradeOff {
    /// Measures it with each of the seeds.
    ///
    /// # Errors
    /// What is wrong with the scenarios.
    pub fn measure(seeds: &Range<u64>) -> Result<Self, ScenarioError> {
        let of_ours = |clients| {
            let outcome = |ratio| {
                let config = RetryBudgetConfig { ratio, ..RetryBudgetConfig::default() };
                Ok((ratio, outcome(&SeawallWith(config), clients, seeds)?))
            };
            Ok((clients, RATIOS.into_iter().map(outcome).collect::<Result<_, ScenarioError>>()?))
        };
        let others =
            others().into_iter().map(|policy| Ok((policy.name(), outcome(&*policy, OTHERS_CLIENTS, seeds)?)));
        Ok(Self {
            ours: CLIENTS.into_iter().map(of_ours).collect::<Result<_, ScenarioError>>()?,
            others: others.collect::<Result<_, ScenarioError>>()?,
        })
    }
}

/// Retries without end, and what other libraries do. `gradient2` brings no retries of its own.
fn others() -> Vec<Box<dyn Policy>> {
    let mut others = policy::all();
    others.retain(|policy| {
        matches!(policy.name(), "naive" | "tower") || (policy.is_model() && policy.name() != "gradient2")
    });
    others
}

fn outcome(policy: &dyn Policy, clients: u32, seeds: &Range<u64>) -> Result<Outcome, ScenarioError> {
    let outage = Variant::of("outage").clients(clients).scenario()?;
    let half_broken = Variant::of("half-broken").clients(clients).set("triggers.0.share", 0.9).scenario()?;
    Ok(Outcome {
        attempts: median(&outage, policy, seeds, |summary| summary.peak_amplification),
        answered: median(&half_broken, policy, seeds, |summary| summary.goodput),
    })
}

/// Of two in the middle, the lower.
fn median(scenario: &Scenario, policy: &dyn Policy, seeds: &Range<u64>, figure: fn(&Summary) -> f64) -> f64 {
    let runs = run_seeds(scenario, policy, seeds.clone(), |_, _| ());
    let mut figures: Vec<_> = runs.iter().map(|(_, summary)| figure(summary)).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}
