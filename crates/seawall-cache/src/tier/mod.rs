//! The second tier: memory that processes share, behind the memory of each.

mod guard;
mod message;
mod record;
mod remote;

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Weak;
use std::time::Duration;

use bytes::Bytes;
use seawall_core::Error;

pub(crate) use message::Message;
pub(crate) use remote::{Link, Look, Remote, Write};

/// What a [`SecondTier`] answers, some time.
pub type TierFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A store of bytes that outlives a process and that several share, such as Redis.
///
/// It is asked for little, and trusted with less: what it holds is checked before it is used, every request of it has a
/// time budget and stands behind a circuit breaker, and while it fails the cache goes on with memory and the source alone.
/// So an implementation should neither retry nor wait longer than it must, and let every error out.
///
/// Values end by themselves after their time to live; the store may lose any of them earlier.
///
/// # Cancel safety
/// Futures are dropped when their time is over. A request may then be carried out all the same.
pub trait SecondTier: Send + Sync + 'static {
    /// What is under each of these keys, in their order. They are read together, but need not be read at one moment.
    fn get<'a>(&'a self, keys: &'a [String]) -> TierFuture<'a, Vec<Option<Bytes>>>;

    /// Puts `value` under `key` for `ttl`, at least a millisecond, in place of what is there.
    fn set<'a>(&'a self, key: &'a str, value: Bytes, ttl: Duration) -> TierFuture<'a, ()>;

    /// The same only if what is under `key` begins with `head`, or if nothing is there and `head` is empty; says whether it
    /// was. Looking and writing must be one step that nobody comes between: it is what keeps a slow reader from putting
    /// back what somebody has invalidated meanwhile.
    fn replace<'a>(
        &'a self,
        key: &'a str,
        head: &'a [u8],
        value: Bytes,
        ttl: Duration,
    ) -> TierFuture<'a, bool>;

    /// Tells every other process something: their [`TierListener`]s hear it, and this one's own may. Nobody is told by
    /// default: entries then stay in the memory of other processes until they end.
    fn publish(&self, message: Bytes) -> TierFuture<'_, ()> {
        drop(message);
        Box::pin(ready(Ok(())))
    }

    /// Hands over who is to hear what other processes [publish](Self::publish), from now on and until it is gone. Must not
    /// block. Ignored by default.
    fn listen(&self, listener: Weak<dyn TierListener>) {
        drop(listener);
    }
}

/// Hears what other processes tell: a cache. Its methods are quick and may be called from anywhere.
pub trait TierListener: Send + Sync {
    /// A message, as it was [published](SecondTier::publish). What cannot be understood is ignored.
    fn heard(&self, message: &[u8]);

    /// Messages may have been lost: the connection was made anew. Whatever is in memory may be outdated.
    fn missed(&self);
}
