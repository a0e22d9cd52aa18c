use std::sync::Arc;

use seawall_core::HedgeConfig;
use seawall_tower::{HedgeHandle, HedgeLayer, Identity, ServiceBuilderExt as _};
use tower::ServiceBuilder;

use super::balanced::{Parts, TARGET, VALID};
use super::{Client, Policy, Stack, Terms};
use crate::world::Link;

/// The same as [`Balanced`](super::Balanced), with hedges around the balance, paid from the budget of the retries too.
#[derive(Debug, Default)]
pub struct Hedged;

impl Policy for Hedged {
    fn name(&self) -> &'static str {
        "hedged"
    }

    fn about(&self) -> &'static str {
        "the same as balanced, with slow attempts hedged on another replica"
    }

    fn client(&self, link: &Link, terms: Terms, seed: u64) -> Client {
        let Parts { retry, budget, balance, gauges } = Parts::new(link, terms, seed);
        let hedge = HedgeHandle::new(Identity::new(TARGET), &HedgeConfig::default()).expect(VALID);
        let stack = ServiceBuilder::new()
            .deadline(terms.deadline)
            .retry_with(retry)
            .hedge(HedgeLayer::new(hedge).budget(budget))
            .service(balance);
        Client { stack: Stack::new(stack), gauges: Some(Arc::new(gauges)) }
    }
}
