use std::sync::Arc;

use seawall_core::{ByKind, CircuitState, RetryBudgetConfig};
use seawall_tower::{Pipeline, PipelineConfig};
use tower_layer::Layer;

use super::{Client, Gauges, Policy, Reading, Stack, Terms};
use crate::world::Link;

/// The default stack of every Seawall client, with its default configuration.
#[derive(Debug)]
pub struct Seawall;

impl Policy for Seawall {
    fn name(&self) -> &'static str {
        "seawall"
    }

    fn about(&self) -> &'static str {
        "the default stack of Seawall's clients: the real layers"
    }

    fn client(&self, link: &Link, terms: Terms, seed: u64) -> Client {
        client(PipelineConfig::default(), link, terms, seed)
    }
}

/// The default stack but for its retry budget: what another choice would do.
#[derive(Debug)]
pub struct SeawallWith(pub RetryBudgetConfig);

impl Policy for SeawallWith {
    fn name(&self) -> &'static str {
        Seawall.name()
    }

    fn about(&self) -> &'static str {
        "the default stack of Seawall's clients, with another retry budget"
    }

    fn client(&self, link: &Link, terms: Terms, seed: u64) -> Client {
        client(
            PipelineConfig { retry_budget: self.0.clone(), ..PipelineConfig::default() },
            link,
            terms,
            seed,
        )
    }
}

fn client(config: PipelineConfig, link: &Link, terms: Terms, seed: u64) -> Client {
    let config = PipelineConfig {
        deadline: Some(terms.deadline),
        attempt_timeout: Some(terms.attempt_timeout),
        ..config
    };
    let pipeline = Pipeline::seeded("simulated", &config, ByKind, Arc::new(()), seed)
        .expect("the configuration is valid");
    let stack = Stack::new(pipeline.layer(TARGET).layer(link.clone()));
    Client { stack, gauges: Some(Arc::new(OfPipeline(pipeline))) }
}

const TARGET: &str = "tier";

#[derive(Debug)]
struct OfPipeline(Pipeline);

impl Gauges for OfPipeline {
    fn read(&self) -> Reading {
        let targets = self.0.targets();
        let Some(target) = targets.first() else { return Reading::default() };
        Reading {
            limit: target.limit,
            waiting: target.waiting,
            open: target.circuit != CircuitState::Closed,
            budget: Some(target.budget_balance),
        }
    }
}
