use std::time::Duration;

use crate::clock::nanoseconds;
use crate::{OrAbsent, Tagged, Tags};

/// How long an entry is good for: fresh first, then, if you say so, stale but still served while it is renewed, and then
/// old but better than a failure.
///
/// A plain [`Duration`] is a time to live with nothing after it. RFC 5861 (M. Nottingham, 2010) calls the second part
/// `stale-while-revalidate` and the third `stale-if-error`.
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
    /// These three are in nanoseconds, which every set adds to the time it is: quicker than to normalise durations.
    pub(crate) fresh: u64,
    pub(crate) stale: u64,
    pub(crate) on_error: u64,
    pub(crate) idle: Option<Duration>,
    pub(crate) failures: Option<Duration>,
}

impl Ttl {
    /// Served without a second thought for this long, give or take the configured jitter.
    pub const fn fresh(time: Duration) -> Self {
        Self { fresh: nanoseconds(time), stale: 0, on_error: 0, idle: None, failures: None }
    }

    /// After that, served by [`get_or_load`](crate::Cache::get_or_load) for this long while one load renews it.
    ///
    /// If the loads keep failing, the entry is served until this time has passed too.
    pub const fn stale(mut self, time: Duration) -> Self {
        self.stale = nanoseconds(time);
        self
    }

    /// For so long after it was fresh, the entry answers in place of a load that fails, unless that failed for good
    /// ([`FailureKind::Permanent`](seawall_core::FailureKind::Permanent)): then the source has answered.
    pub const fn on_error(mut self, time: Duration) -> Self {
        self.on_error = nanoseconds(time);
        self
    }

    /// Gone also when nobody asked for it for this long, in this process's memory.
    pub const fn idle(mut self, time: Duration) -> Self {
        self.idle = Some(time);
        self
    }

    /// A load that fails is remembered for this long: everybody who asks meanwhile gets its error, or the old value if
    /// [`on_error`](Self::on_error) has one, without another load. Without it, failures are not remembered.
    pub const fn failures(mut self, time: Duration) -> Self {
        self.failures = Some(time);
        self
    }

    /// The same under these tags, by which entries are invalidated together.
    ///
    /// ```
    /// use std::time::Duration;
    /// use seawall_cache::{Cache, CacheConfig, Ttl};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cache = Cache::new(&CacheConfig::default())?;
    /// let ttl = Ttl::fresh(Duration::from_secs(60)).tagged(["users"]);
    /// cache.set("user:1", &"Ada", ttl).await?;
    /// cache.invalidate(["users"]).await?;
    /// assert_eq!(cache.get::<String>("user:1").await?, None);
    /// # Ok(()) }
    /// ```
    pub fn tagged(self, tags: impl Into<Tags>) -> Tagged<Self> {
        Tagged::new(self, tags)
    }

    /// For values of type `Option`: `None`, the knowledge that there is nothing, is kept for `time` instead, with nothing
    /// after it.
    pub const fn or_absent(self, time: Duration) -> OrAbsent {
        OrAbsent { present: self, absent: Self { failures: self.failures, ..Self::fresh(time) } }
    }
}

impl Ttl {
    /// Whether there is nothing after it, and no other end.
    #[inline]
    pub(crate) const fn is_plain(&self) -> bool {
        self.stale == 0 && self.on_error == 0 && self.idle.is_none()
    }
}

impl From<Duration> for Ttl {
    fn from(time: Duration) -> Self {
        Self::fresh(time)
    }
}
