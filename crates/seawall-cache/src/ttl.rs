use std::time::Duration;

/// How long an entry is good for: fresh first, then, if you say so, stale but still served while it is
/// renewed.
///
/// A plain [`Duration`] is a time to live with no stale time. RFC 5861 calls the second part
/// `stale-while-revalidate`.
///
/// ```
/// use std::time::Duration;
/// use seawall_cache::Ttl;
///
/// let ttl = Ttl::fresh(Duration::from_secs(60)).stale(Duration::from_secs(300));
/// assert_eq!(Ttl::from(Duration::from_secs(60)), Ttl::fresh(Duration::from_secs(60)));
/// assert_ne!(ttl, Duration::from_secs(60).into());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ttl {
    pub(crate) fresh: Duration,
    pub(crate) stale: Duration,
}

impl Ttl {
    /// Served without a second thought for this long, give or take the configured jitter.
    pub const fn fresh(time: Duration) -> Self {
        Self { fresh: time, stale: Duration::ZERO }
    }

    /// After that, served by [`get_or_load`](crate::Cache::get_or_load) for this long while one load renews
    /// it.
    ///
    /// If the loads keep failing, the entry is served until this time has passed too.
    pub const fn stale(mut self, time: Duration) -> Self {
        self.stale = time;
        self
    }
}

impl From<Duration> for Ttl {
    fn from(time: Duration) -> Self {
        Self::fresh(time)
    }
}
