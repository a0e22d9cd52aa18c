//! So many bytes a second, read and written together.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use seawall_core::{CallContext, Error, FailureKind, RateLimitConfig};
use seawall_tower::{Identity, RateLimiterHandle};

use crate::{FsResponse, Operation};

/// Bytes in a permit: few enough for a slow limit, so many that a permit of a fast one takes whole nanoseconds.
const UNIT: u32 = 256;

/// So many wait in line at a time.
const PLACES: usize = 65_536;

/// Far beyond every deadline.
const FOR_EVER: Duration = Duration::from_hours(10_000);

/// A limit of bytes a second.
///
/// What is written is paid for before. How much a read brings is known only afterwards: then it is owed, and whoever
/// reads or writes next pays it before he begins, and the others wait behind him. So no more is ever ahead of the limit
/// than what is under way.
#[derive(Debug)]
pub(crate) struct ByteRate {
    limiter: RateLimiterHandle,
    bytes_per_second: NonZeroU32,
    burst: u32,
    /// In bytes, below zero where the last permit was not used up.
    owed: AtomicI64,
}

impl ByteRate {
    pub(crate) fn new(identity: Identity, bytes_per_second: NonZeroU32) -> Self {
        // A tenth of a second's worth is saved up.
        let burst = NonZeroU32::new(bytes_per_second.get() / 10 / UNIT).unwrap_or(NonZeroU32::MIN);
        let config = RateLimitConfig {
            limit: bytes_per_second,
            period: Duration::from_secs(UNIT.into()),
            burst,
            max_wait: Some(FOR_EVER),
            max_waiting: PLACES,
            ..RateLimitConfig::default()
        };
        let limiter =
            RateLimiterHandle::new(identity, &config).expect("every such rate is within the bounds");
        Self { limiter, bytes_per_second, burst: burst.get(), owed: AtomicI64::new(0) }
    }

    /// Pays for so many bytes, and what is owed; waits for that, but not beyond the deadline of the context.
    pub(crate) async fn pay(&self, bytes: u64) -> Result<(), Error> {
        let mut bill = self.bill(bytes);
        if let Some(wait) = self.too_long(bill.permits) {
            let limit = self.bytes_per_second;
            let message =
                format!("{bytes} bytes by the deadline are more than the limit of {limit} a second allows");
            let error = Error::new(FailureKind::Refused, "rate_limiter", self.limiter.target().to_owned());
            return Err(error.with_message(message).with_retry_after(wait).not_executed());
        }
        while let Some(permits) = NonZeroU32::new(bill.permits.min(self.burst.into()) as u32) {
            self.limiter.acquire(permits).await?;
            bill.permits -= u64::from(permits.get());
        }
        Ok(())
    }

    /// Takes note of what a read has brought.
    pub(crate) fn owe(&self, bytes: u64) {
        self.owed.fetch_add(signed(bytes), Ordering::Relaxed);
    }

    /// Permits for so many bytes and for what is owed. One byte at least, so that nobody gets past those who pay.
    fn bill(&self, bytes: u64) -> Bill<'_> {
        let owed = self.owed.swap(0, Ordering::Relaxed);
        let due = signed(bytes.max(1)).saturating_add(owed);
        let permits = u64::try_from(due).unwrap_or(0).div_ceil(UNIT.into());
        // What is rounded up is to the good of the next.
        self.owed.fetch_add(due - signed(permits * u64::from(UNIT)), Ordering::Relaxed);
        Bill { owed: &self.owed, permits, others: owed.max(0) }
    }

    /// How long it takes at least, if that is longer than there is time.
    fn too_long(&self, permits: u64) -> Option<Duration> {
        let deadline = CallContext::current_deadline()?;
        let bytes = permits.saturating_sub(self.burst.into()) * u64::from(UNIT);
        let wait = Duration::from_secs_f64(bytes as f64 / f64::from(self.bytes_per_second.get()));
        (tokio::time::Instant::now().into_std() + wait > deadline).then_some(wait)
    }
}

/// No more than half of what fits, so that sums fit too.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX).min(i64::MAX / 2)
}

/// What is still to be paid. Dropped before it is, what was owed for others stays owed.
struct Bill<'a> {
    owed: &'a AtomicI64,
    permits: u64,
    others: i64,
}

impl Drop for Bill<'_> {
    fn drop(&mut self) {
        let unpaid = signed(self.permits.saturating_mul(UNIT.into()));
        self.owed.fetch_add(unpaid.min(self.others), Ordering::Relaxed);
    }
}

/// Whether an operation reads content, of which nobody knows before how much.
pub(crate) const fn reads_content(operation: Operation) -> bool {
    matches!(operation, Operation::Read | Operation::ReadMany | Operation::ReadAt | Operation::Copy)
}

/// How many bytes an answer has brought.
pub(crate) fn brought(operation: Operation, response: &FsResponse) -> u64 {
    if operation == Operation::Copy {
        return response.peek::<u64>().copied().unwrap_or(0);
    }
    let bytes = if let Some(bytes) = response.peek::<Bytes>() {
        bytes.len()
    } else if let Some(many) = response.peek::<Vec<Result<Bytes, Error>>>() {
        many.iter().flatten().map(Bytes::len).sum()
    } else {
        response.peek::<BytesMut>().map_or(0, BytesMut::len)
    };
    bytes as u64
}

/// Hands on what a stream has read when it is paid for.
#[derive(Default)]
pub(crate) struct Toll<T> {
    rate: Option<Arc<ByteRate>>,
    paying: Option<(T, BoxFuture<'static, Result<(), Error>>)>,
}

impl<T> Toll<T> {
    pub(crate) fn of(rate: Option<Arc<ByteRate>>) -> Self {
        Self { rate, paying: None }
    }

    /// What was [handed over](Self::pass) before and is paid for now; `None` if there is nothing.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        let Some((_, paying)) = &mut self.paying else { return Poll::Ready(None) };
        let paid = ready!(paying.as_mut().poll(cx));
        let passed = self.paying.take();
        Poll::Ready(passed.map(|(item, _)| paid.map(|()| item)))
    }

    /// Hands `item` over; gets it back at once where there is no limit.
    pub(crate) fn pass(&mut self, item: T, bytes: usize, deadline: Option<Instant>) -> Option<T> {
        let Some(rate) = self.rate.clone() else { return Some(item) };
        let context = CallContext::current().without_deadline();
        let context = deadline.map_or(context.clone(), |deadline| context.deadline(deadline));
        let paying = context.scope(async move { rate.pay(bytes as u64).await }).boxed();
        self.paying = Some((item, paying));
        None
    }
}
