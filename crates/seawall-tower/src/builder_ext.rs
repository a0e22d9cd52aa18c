use std::time::Duration;

use backon::BackoffBuilder;
use tower::ServiceBuilder;
use tower_layer::Stack;

use crate::attempt_timeout::AttemptTimeoutLayer;
use crate::caller_deadline::CallerDeadlineLayer;
use crate::chaos::{ChaosHandle, ChaosLayer};
use crate::circuit_breaker::{CircuitBreakerHandle, CircuitBreakerLayer};
use crate::coalesce::CoalesceLayer;
use crate::concurrency_limit::{ConcurrencyLimitHandle, ConcurrencyLimitLayer};
use crate::deadline::DeadlineLayer;
use crate::fallback::FallbackLayer;
use crate::hedge::HedgeLayer;
use crate::load_shed::LoadShedLayer;
use crate::pipeline::PipelineLayer;
use crate::rate_limit::by_request::RequestRateLimitLayer;
use crate::rate_limit::{RateLimitLayer, RateLimiterHandle};
use crate::retry::{RetryLayer, RetryPolicy};

/// Seawall's layers on tower's [`ServiceBuilder`], by name. The first layer named is the outermost; the methods stand here
/// in the order in which the layers usually do.
///
/// Where tower's builder has a method of the layer's name, which would win over this trait's, ours is called after what
/// it does: `retry_with`, `limit_concurrency`, `limit_rate`, `shed_load`.
///
/// ```
/// use std::time::Duration;
/// use seawall_core::{CircuitBreakerConfig, Error};
/// use seawall_tower::{CircuitBreakerHandle, Identity, RetryConfig, RetryPolicy, ServiceBuilderExt as _};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let breaker = CircuitBreakerHandle::new(Identity::new("billing"), &CircuitBreakerConfig::default())?;
/// let service = ServiceBuilder::new()
///     .deadline(Duration::from_secs(30))
///     .retry_with(RetryPolicy::new(&RetryConfig::default())?)
///     .circuit_breaker(breaker)
///     .attempt_timeout(Duration::from_secs(8))
///     .service(service_fn(|()| async { Ok::<_, Error>("fine") }));
/// assert_eq!(service.oneshot(()).await?, "fine");
/// # Ok(())
/// # }
/// ```
pub trait ServiceBuilderExt<L>: Sized {
    /// Answers in place of failures, with what [`crate::fallback`] makes: [`FallbackLayer`].
    fn fallback<A>(self, action: A) -> ServiceBuilder<Stack<FallbackLayer<A>, L>>;

    /// Makes one call of many that ask for the same: [`CoalesceLayer`].
    fn coalesce<K, Req, Q>(self, key: K) -> ServiceBuilder<Stack<CoalesceLayer<K, Req, Q>, L>>
    where
        K: Fn(&Req) -> Option<Q>;

    /// On the server's side, ends work at the deadline that its caller sends along: [`CallerDeadlineLayer`].
    fn caller_deadline(self) -> ServiceBuilder<Stack<CallerDeadlineLayer, L>>;

    /// Limits the time of whole calls: [`DeadlineLayer`].
    fn deadline(self, timeout: Duration) -> ServiceBuilder<Stack<DeadlineLayer, L>>;

    /// Refuses calls that would have to wait: [`LoadShedLayer`]. (Tower's own is called `load_shed`.)
    fn shed_load(self) -> ServiceBuilder<Stack<LoadShedLayer, L>>;

    /// Makes failed calls again: [`RetryLayer`]. (Tower's own is called `retry`.)
    fn retry_with<C, B: BackoffBuilder>(
        self,
        policy: RetryPolicy<C, B>,
    ) -> ServiceBuilder<Stack<RetryLayer<C, B>, L>>;

    /// Sends slow calls a second time: [`HedgeLayer`].
    fn hedge<C>(self, layer: HedgeLayer<C>) -> ServiceBuilder<Stack<HedgeLayer<C>, L>>;

    /// Refuses calls to a backend that does not work: [`CircuitBreakerLayer`].
    fn circuit_breaker(self, breaker: CircuitBreakerHandle) -> ServiceBuilder<Stack<CircuitBreakerLayer, L>>;

    /// Holds the calls under way to a limit, and has the others wait: [`ConcurrencyLimitLayer`]. (Tower's own is called
    /// `concurrency_limit`.)
    fn limit_concurrency(
        self,
        limit: ConcurrencyLimitHandle,
    ) -> ServiceBuilder<Stack<ConcurrencyLimitLayer, L>>;

    /// Lets calls start at a limited rate, and has the others wait: [`RateLimitLayer`]. (Tower's own is called
    /// `rate_limit`.)
    fn limit_rate(self, limiter: RateLimiterHandle) -> ServiceBuilder<Stack<RateLimitLayer, L>>;

    /// The same by what a request weighs or whose it is: [`RequestRateLimitLayer`].
    fn limit_rate_by<P>(self, charge: P) -> ServiceBuilder<Stack<RequestRateLimitLayer<P>, L>>;

    /// Limits the time of each attempt: [`AttemptTimeoutLayer`].
    fn attempt_timeout(self, timeout: Duration) -> ServiceBuilder<Stack<AttemptTimeoutLayer, L>>;

    /// Injects faults on purpose: [`ChaosLayer`].
    fn chaos(self, chaos: ChaosHandle) -> ServiceBuilder<Stack<ChaosLayer, L>>;

    /// Deadline, retry, circuit breaker and attempt timeout in one, for one target of a pipeline: [`PipelineLayer`].
    fn pipeline<C>(self, layer: PipelineLayer<C>) -> ServiceBuilder<Stack<PipelineLayer<C>, L>>;
}

impl<L> ServiceBuilderExt<L> for ServiceBuilder<L> {
    fn fallback<A>(self, action: A) -> ServiceBuilder<Stack<FallbackLayer<A>, L>> {
        self.layer(FallbackLayer::new(action))
    }

    fn coalesce<K, Req, Q>(self, key: K) -> ServiceBuilder<Stack<CoalesceLayer<K, Req, Q>, L>>
    where
        K: Fn(&Req) -> Option<Q>,
    {
        self.layer(CoalesceLayer::new(key))
    }

    fn caller_deadline(self) -> ServiceBuilder<Stack<CallerDeadlineLayer, L>> {
        self.layer(CallerDeadlineLayer::new())
    }

    fn deadline(self, timeout: Duration) -> ServiceBuilder<Stack<DeadlineLayer, L>> {
        self.layer(DeadlineLayer::new(timeout))
    }

    fn shed_load(self) -> ServiceBuilder<Stack<LoadShedLayer, L>> {
        self.layer(LoadShedLayer::new())
    }

    fn retry_with<C, B: BackoffBuilder>(
        self,
        policy: RetryPolicy<C, B>,
    ) -> ServiceBuilder<Stack<RetryLayer<C, B>, L>> {
        self.layer(RetryLayer::new(policy))
    }

    fn hedge<C>(self, layer: HedgeLayer<C>) -> ServiceBuilder<Stack<HedgeLayer<C>, L>> {
        self.layer(layer)
    }

    fn circuit_breaker(self, breaker: CircuitBreakerHandle) -> ServiceBuilder<Stack<CircuitBreakerLayer, L>> {
        self.layer(CircuitBreakerLayer::new(breaker))
    }

    fn limit_concurrency(
        self,
        limit: ConcurrencyLimitHandle,
    ) -> ServiceBuilder<Stack<ConcurrencyLimitLayer, L>> {
        self.layer(ConcurrencyLimitLayer::new(limit))
    }

    fn limit_rate(self, limiter: RateLimiterHandle) -> ServiceBuilder<Stack<RateLimitLayer, L>> {
        self.layer(RateLimitLayer::new(limiter))
    }

    fn limit_rate_by<P>(self, charge: P) -> ServiceBuilder<Stack<RequestRateLimitLayer<P>, L>> {
        self.layer(RequestRateLimitLayer::new(charge))
    }

    fn attempt_timeout(self, timeout: Duration) -> ServiceBuilder<Stack<AttemptTimeoutLayer, L>> {
        self.layer(AttemptTimeoutLayer::new(timeout))
    }

    fn chaos(self, chaos: ChaosHandle) -> ServiceBuilder<Stack<ChaosLayer, L>> {
        self.layer(ChaosLayer::new(chaos))
    }

    fn pipeline<C>(self, layer: PipelineLayer<C>) -> ServiceBuilder<Stack<PipelineLayer<C>, L>> {
        self.layer(layer)
    }
}
