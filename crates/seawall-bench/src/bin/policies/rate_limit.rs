//! Rate limits that nothing runs into.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::{Quota, RateLimiter};
use seawall_core::RateLimitConfig;
use seawall_tower::{Identity, RateLimitLayer, RateLimiterHandle};
use tower::{Layer, Service, service_fn};
use tower_resilience_ratelimiter as resilience;

use crate::backend::Backend;
use crate::subject::Subject;

/// More than can be called.
const A_SECOND: NonZeroU32 = NonZeroU32::new(1_000_000_000).unwrap();

pub(crate) fn subjects(backend: Backend) -> Vec<Subject> {
    let limiter = RateLimiterHandle::new(Identity::new("backend"), &config()).expect("the config is valid");
    let bucket =
        resilience::RateLimiterLayer::burst(A_SECOND.get() as usize, A_SECOND.get() as usize).build();
    vec![
        Subject::service("seawall", RateLimitLayer::new(limiter).layer(backend.ours())),
        Subject::service("governor", governor(backend, governor::clock::DefaultClock::default())),
        Subject::service("governor, Instant", governor(backend, MonotonicClock)),
        Subject::service("tower-resilience", resilience_layer().layer(backend.theirs())),
        Subject::service(
            "tower-resilience, bucket",
            bucket.expect("the config is valid").layer(backend.theirs()),
        ),
    ]
}

pub(crate) fn config() -> RateLimitConfig {
    RateLimitConfig { limit: A_SECOND, burst: A_SECOND, ..RateLimitConfig::default() }
}

pub(crate) fn resilience_layer() -> resilience::RateLimiterLayer {
    let builder = resilience::RateLimiterLayer::builder().limit_for_period(A_SECOND.get() as usize);
    builder.refresh_period(Duration::from_secs(1)).build().expect("the config is valid")
}

/// What a service that uses it has to do at least.
fn governor<C>(backend: Backend, clock: C) -> impl Service<u64, Response = u64> + Clone + Send + 'static
where
    C: Clock + Send + Sync + 'static,
    C::Instant: Send + Sync,
{
    let limiter = Arc::new(RateLimiter::direct_with_clock(Quota::per_second(A_SECOND), clock));
    let mut inner = backend.theirs();
    service_fn(move |request| {
        let call = limiter.check().is_ok().then(|| inner.call(request));
        async move {
            match call {
                Some(call) => call.await,
                None => Err(io::Error::other("refused")),
            }
        }
    })
}
