use seawall_tower::{AttemptTimeoutLayer, DeadlineLayer};
use tower::ServiceBuilder;

use super::{Client, Policy, Stack, Terms};
use crate::world::Link;

/// One attempt, with a time limit.
#[derive(Debug)]
pub struct NoRetries;

impl Policy for NoRetries {
    fn name(&self) -> &'static str {
        "none"
    }

    fn about(&self) -> &'static str {
        "one attempt, with a time limit, and nothing else"
    }

    fn client(&self, link: &Link, terms: Terms, _seed: u64) -> Client {
        let stack = ServiceBuilder::new()
            .layer(DeadlineLayer::new(terms.deadline))
            .layer(AttemptTimeoutLayer::new(terms.attempt_timeout))
            .service(link.clone());
        Client { stack: Stack::new(stack), gauges: None }
    }
}
