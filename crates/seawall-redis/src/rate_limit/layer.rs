use tower::Layer;

use super::{SharedRateLimit, SharedRateLimiter};

/// Puts a [`SharedRateLimit`] around services; all of them charge the same limiter.
///
/// A call waits for its units within `max_wait` and its deadline, in the order in which the calls of this process came;
/// otherwise it is refused with [`Overloaded`](seawall_core::FailureKind::Overloaded) and the time to come back. While the
/// server of the limit does not answer, calls pass or are refused, as [`OnOutage`](super::OnOutage) says. It learns of
/// the key with the request, so it is always ready and holds nothing of the inner service while it waits; but nobody above
/// it feels back-pressure, so it is for servers, or for a place around a client's own limits.
///
/// ```text
/// right: retry → circuit breaker → shared rate limit → attempt timeout    each attempt takes a unit
/// wrong: shared rate limit → retry                                        one unit, four calls
/// wrong: attempt timeout → shared rate limit                              waiting counts as the backend's slowness
/// ```
///
/// ```no_run
/// # async fn example(redis: seawall_redis::Redis) -> Result<(), Box<dyn std::error::Error>> {
/// use seawall_core::Error;
/// use seawall_redis::{SharedRateLimitConfig, SharedRateLimitLayer, SharedRateLimiter};
/// use seawall_tower::Identity;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// struct Request { tenant: String }
///
/// let config = SharedRateLimitConfig::default();
/// let limiter = SharedRateLimiter::new(&redis, Identity::new("billing"), &config)?;
/// let service = ServiceBuilder::new()
///     .layer(SharedRateLimitLayer::new(limiter, |request: &Request| (request.tenant.clone(), 1)))
///     .service(service_fn(|_: Request| async { Ok::<_, Error>(()) }));
/// service.oneshot(Request { tenant: "one".to_owned() }).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct SharedRateLimitLayer<K> {
    limiter: SharedRateLimiter,
    charge: K,
}

impl<K> SharedRateLimitLayer<K> {
    /// Charges requests to this limiter: `charge` says which key a request is charged to, and how many units it takes.
    pub const fn new<Req>(limiter: SharedRateLimiter, charge: K) -> Self
    where
        K: Fn(&Req) -> (String, u32),
    {
        Self { limiter, charge }
    }
}

impl<S, K: Clone> Layer<S> for SharedRateLimitLayer<K> {
    type Service = SharedRateLimit<S, K>;

    fn layer(&self, inner: S) -> SharedRateLimit<S, K> {
        SharedRateLimit::new(inner, self.limiter.clone(), self.charge.clone())
    }
}
