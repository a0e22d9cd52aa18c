//! How many connections may be in use at one authority.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use seawall_core::{Error, FailureKind, Name, Observer, WaitQueueConfig};
use seawall_tower::concurrency_limit::{Permit, Reservation};
use seawall_tower::{ConcurrencyLimitConfig, ConcurrencyLimitHandle, Identity};

use crate::target::CallName;

/// How many may wait for a connection. Each is a caller who keeps its request itself: what this bounds is the queue.
const MOST_WAITING: u32 = 1_000_000;

/// A way to a connection of one authority. Clones wait in the same line.
///
/// Over HTTP/1 a request has its connection for itself until its response has been read or dropped, so a permit is held
/// for as long. Over HTTP/2 all share one: once the authority was seen to speak it, nobody is counted any more.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    max: NonZeroU32,
    reservation: Reservation,
    multiplexed: Arc<AtomicBool>,
    /// Whether the next call was found to need a permit, so that it is made as it became ready.
    counted: bool,
}

impl Connections {
    pub(crate) fn new(authority: &str, max: NonZeroU32, observer: Arc<dyn Observer>) -> Self {
        let config = ConcurrencyLimitConfig {
            // In turn, so that nobody starves, and for as long as the call has: a download may well take its time.
            queue: WaitQueueConfig { max_waiting: MOST_WAITING, ..WaitQueueConfig::fifo() },
            ..ConcurrencyLimitConfig::fixed(max)
        };
        let identity = Identity::new(authority).pipeline("http_connections").observer(observer);
        let limit =
            ConcurrencyLimitHandle::new(identity, &config).expect("a fixed limit within its bounds is valid");
        let multiplexed = Arc::new(AtomicBool::new(false));
        Self { max, reservation: Reservation::new(limit), multiplexed, counted: false }
    }

    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.counted && self.multiplexed.load(Relaxed) {
            return Poll::Ready(());
        }
        self.counted = true;
        self.reservation.poll_ready(cx)
    }

    /// The permit of a call, if it needs one.
    pub(crate) fn take(&mut self, call: &CallName) -> Result<Option<Permit>, Error> {
        if !std::mem::take(&mut self.counted) {
            return Ok(None);
        }
        self.reservation.take().map(Some).map_err(|refusal| {
            let message = format!(
                "no connection came free: all of max_connections_per_host ({}) are in use by requests whose responses \
                 are still to come or to be read; read or drop them, or raise it",
                self.max
            );
            Error::new(FailureKind::Refused, "http", Name::from(call))
                .not_executed()
                .with_message(message)
                .with_source(refusal)
        })
    }

    /// Takes note of the version that the authority spoke, and says whether a call over it keeps its permit.
    pub(crate) fn spoke(&self, version: http::Version) -> bool {
        let multiplexed = version >= http::Version::HTTP_2;
        if self.multiplexed.load(Relaxed) != multiplexed {
            self.multiplexed.store(multiplexed, Relaxed);
        }
        !multiplexed
    }
}
