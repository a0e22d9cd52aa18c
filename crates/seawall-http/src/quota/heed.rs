use std::time::Duration;

use http::{Response, StatusCode};
use seawall_tower::RateLimiterHandle;

use super::families::may_be_said;
use super::quota;
use crate::{backend, retry_after};

/// Leaves a server alone whose answer says that the quota is spent: its rate limiter is paused until it says there is
/// more, so calls wait for that or are refused.
#[derive(Debug)]
pub(crate) struct HeedQuota {
    limiter: RateLimiterHandle,
    longest: Duration,
}

impl HeedQuota {
    pub(crate) const fn new(limiter: RateLimiterHandle, longest: Duration) -> Self {
        Self { limiter, longest }
    }

    /// Takes note of a response.
    pub(crate) fn heed<B>(&self, response: &Response<B>) {
        if let Some(wait) = asked_for(response) {
            self.limiter.pause(wait.min(self.longest));
        }
    }
}

/// For how long a response asks this client to ask for nothing at all. A 503 does not: of several servers behind one
/// address, one may be away.
fn asked_for<B>(response: &Response<B>) -> Option<Duration> {
    let headers = response.headers();
    let is_too_many = response.status() == StatusCode::TOO_MANY_REQUESTS;
    // Nearly all responses say nothing, and need no clock.
    if !is_too_many && !may_be_said(headers) {
        return None;
    }
    let now = backend::wall_clock();
    let said = if is_too_many { retry_after::retry_after(headers, now) } else { None };
    said.or_else(|| quota(headers, now)?.wait())
}
