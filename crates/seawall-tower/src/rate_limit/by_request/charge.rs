use std::borrow::Cow;
use std::num::NonZeroU32;

use crate::{KeyedRateLimiterHandle, RateLimiterHandle};

/// Says which limiter a request is charged to, and how many permits it takes.
///
/// A closure `Fn(&Req) -> (RateLimiterHandle, NonZeroU32)` is one: for a key with a weight, say.
pub trait Charge<Req> {
    /// The limiter and the number of permits.
    fn charge(&self, request: &Req) -> (RateLimiterHandle, NonZeroU32);
}

impl<F, Req> Charge<Req> for F
where
    F: Fn(&Req) -> (RateLimiterHandle, NonZeroU32),
{
    fn charge(&self, request: &Req) -> (RateLimiterHandle, NonZeroU32) {
        self(request)
    }
}

/// One limiter, from which each request takes as many permits as it weighs.
#[derive(Clone, Debug)]
pub struct ByCost<F> {
    limiter: RateLimiterHandle,
    cost: F,
}

impl<F> ByCost<F> {
    /// Weighs with `cost`. A request that weighs more than the limiter's burst is refused.
    pub const fn new<Req>(limiter: RateLimiterHandle, cost: F) -> Self
    where
        F: Fn(&Req) -> NonZeroU32,
    {
        Self { limiter, cost }
    }
}

impl<F, Req> Charge<Req> for ByCost<F>
where
    F: Fn(&Req) -> NonZeroU32,
{
    fn charge(&self, request: &Req) -> (RateLimiterHandle, NonZeroU32) {
        (self.limiter.clone(), (self.cost)(request))
    }
}

/// A limiter for each key, from which a request takes one permit.
#[derive(Clone, Debug)]
pub struct ByKey<K> {
    limiters: KeyedRateLimiterHandle,
    key: K,
}

impl<K> ByKey<K> {
    /// Takes the key of a request with `key`.
    pub const fn new<Req>(limiters: KeyedRateLimiterHandle, key: K) -> Self
    where
        K: Fn(&Req) -> Cow<'_, str>,
    {
        Self { limiters, key }
    }
}

impl<K, Req> Charge<Req> for ByKey<K>
where
    K: Fn(&Req) -> Cow<'_, str>,
{
    fn charge(&self, request: &Req) -> (RateLimiterHandle, NonZeroU32) {
        (self.limiters.limiter(&(self.key)(request)), NonZeroU32::MIN)
    }
}
