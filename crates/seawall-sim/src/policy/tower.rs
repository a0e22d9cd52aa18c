use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use seawall_core::Error;
use seawall_tower::{AttemptTimeoutLayer, DeadlineLayer};
use tokio::time::Sleep;
use tower::ServiceBuilder;
use tower::retry::backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff};
use tower::retry::budget::{Budget, TpsBudget};
use tower::retry::{self, RetryLayer};
use tower::util::rng::HasherRng;

use super::{Client, Policy, Stack, Terms};
use crate::world::{Call, Link};

/// tower's retry layer with its budget and its back-off: the real ones, under virtual time, as all of them read tokio's
/// clock. tower leaves it to its users when to retry; this does as its documentation shows: an error withdraws from
/// the budget, a response deposits.
///
/// tower's back-off clones its generator as it was made, so all calls of a client draw the same jitter; so do these.
#[derive(Debug)]
pub struct TowerRetries;

impl Policy for TowerRetries {
    fn name(&self) -> &'static str {
        "tower"
    }

    fn about(&self) -> &'static str {
        "tower 0.5's real retry layer with its real budget (20 % and 10 a second, in 10 s) and back-off (50 ms, doubled, \
         jitter 0.99), all by default; 3 retries (assumed, it has no count of its own)"
    }

    fn client(&self, link: &Link, terms: Terms, seed: u64) -> Client {
        let budget = Arc::new(TpsBudget::default());
        let retries = Retries { left: RETRIES, budget: Arc::clone(&budget), back_off: back_off(seed) };
        let stack = ServiceBuilder::new()
            .layer(DeadlineLayer::new(terms.deadline))
            .layer(RetryLayer::new(retries))
            .layer(AttemptTimeoutLayer::new(terms.attempt_timeout))
            .service(link.clone());
        Client { stack: Stack::new(stack), gauges: None }
    }
}

const RETRIES: u32 = 3;

/// tower's default, but for the seed.
fn back_off(seed: u64) -> SeededBackoff {
    let longest = Duration::from_millis(u64::MAX);
    let rng = HasherRng::with_hasher(Seeded(seed));
    ExponentialBackoffMaker::new(Duration::from_millis(50), longest, 0.99, rng)
        .expect("tower's own defaults are valid")
        .make_backoff()
}

type SeededBackoff = ExponentialBackoff<HasherRng<Seeded>>;

#[derive(Clone, Debug)]
struct Retries {
    left: u32,
    budget: Arc<TpsBudget>,
    back_off: SeededBackoff,
}

impl retry::Policy<Call, (), Error> for Retries {
    type Future = Sleep;

    fn retry(&mut self, _: &mut Call, result: &mut Result<(), Error>) -> Option<Sleep> {
        let Err(error) = result else {
            self.budget.deposit();
            return None;
        };
        if !error.kind().is_retryable() || self.left == 0 || !self.budget.withdraw() {
            return None;
        }
        self.left -= 1;
        Some(self.back_off.next_backoff())
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(call.clone())
    }
}

/// Makes the same hashers out of the same seed, where tower's default makes others in each process.
#[derive(Clone, Debug)]
struct Seeded(u64);

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}
