use std::fmt;
use std::task::{Context, Poll};

use seawall_core::Refusal;

use super::ConcurrencyLimitHandle;
use super::permit::Permit;
use super::seat::Seat;

/// A permit to be held for as long as its holder likes, for what [`ConcurrencyLimit`](super::ConcurrencyLimit) cannot
/// see the end of: a response that streams, a connection that is borrowed.
///
/// It waits and is refused as calls through the service are, and its time teaches a limit that learns nothing: use it
/// with a [fixed](super::ConcurrencyLimitConfig::fixed) one. Dropped, it leaves the queue, or gives back what it was
/// given. A clone has no permit and waits for none.
///
/// ```
/// use std::num::NonZeroU32;
/// use seawall_tower::concurrency_limit::{ConcurrencyLimitConfig, ConcurrencyLimitHandle, Reservation};
/// use seawall_tower::Identity;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let one = ConcurrencyLimitConfig::fixed(NonZeroU32::MIN);
/// let limit = ConcurrencyLimitHandle::new(Identity::new("printer"), &one)?;
/// let mut reservation = Reservation::new(limit.clone());
/// std::future::poll_fn(|cx| reservation.poll_ready(cx)).await;
/// let permit = reservation.take()?;
/// assert_eq!(limit.in_flight(), 1);
/// drop(permit);
/// assert_eq!(limit.in_flight(), 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Reservation(Seat);

impl Reservation {
    /// One that has not asked yet.
    pub const fn new(limit: ConcurrencyLimitHandle) -> Self {
        Self(Seat::new(limit))
    }

    /// Ready once there is a permit, or none to be had. Cancel safe.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx).map(|_| ())
    }

    /// The permit.
    ///
    /// # Errors
    /// Why there is none: the queue was full, or the wait too long.
    ///
    /// # Panics
    /// When it is not ready.
    pub fn take(&mut self) -> Result<Permit, Refusal> {
        match self.0.take() {
            Ok(in_flight) => Ok(Permit::new(self.0.limit().clone(), in_flight)),
            Err(refused) => Err(self.0.limit().refusal(refused)),
        }
    }

    /// The limit that it asks.
    pub const fn limit(&self) -> &ConcurrencyLimitHandle {
        self.0.limit()
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("limit", self.0.limit()).finish_non_exhaustive()
    }
}
