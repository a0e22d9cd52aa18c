use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::task::Waker;
use std::time::Instant;

use seawall_core::{RateLimiter, Refused};

/// The line in front of a limiter: first come, first served.
///
/// Each caller in it sleeps until its own turn, so no two wake at one instant to race for the same permit, and each is
/// woken once. Whoever comes by serves all whose turn it is: a caller that is not polled any more holds up nobody.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) limiter: RateLimiter,
    waiting: BTreeMap<Ticket, Waiter>,
    // Of all who wait, together.
    permits: u64,
    // Those who have left the line and do not know it yet.
    served: BTreeMap<Ticket, Served>,
    next: Ticket,
    to_wake: Vec<Waker>,
    to_drop: Vec<Waker>,
}

/// A place in the line. Tickets are never given twice.
pub(super) type Ticket = u64;

#[derive(Debug)]
struct Waiter {
    permits: NonZeroU32,
    // When it will come by itself.
    wakes_at: Instant,
    waker: Waker,
}

/// How somebody left the line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Served {
    /// With its permits, which were taken then.
    Granted { permits: NonZeroU32, at: Instant },
    /// With a no: the burst has become smaller than what it weighs.
    Refused(Refused),
}

/// Where a caller in the line stands.
#[derive(Debug)]
pub(super) enum Standing {
    Served(Served),
    /// It is its turn then, as far as can be told.
    WaitsUntil(Instant),
}

impl Line {
    pub(super) fn new(limiter: RateLimiter) -> Self {
        Self {
            limiter,
            waiting: BTreeMap::new(),
            permits: 0,
            served: BTreeMap::new(),
            next: 0,
            to_wake: Vec::new(),
            to_drop: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the permits if nobody waits and they are there.
    pub(super) fn try_acquire(&mut self, permits: NonZeroU32, now: Instant) -> Result<(), Refused> {
        self.serve(now, None);
        if self.is_empty() || permits > self.limiter.config().burst {
            return self.limiter.try_acquire(permits, now);
        }
        let wait = self.limiter.wait(self.permits + u64::from(permits.get()), now);
        Err(Refused { reason: self.limiter.reason(now), retry_after: Some(wait) })
    }

    /// Joins the line at its end, for a turn expected then.
    pub(super) fn join(&mut self, permits: NonZeroU32, wakes_at: Instant, waker: &Waker) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.permits += u64::from(permits.get());
        self.waiting.insert(ticket, Waiter { permits, wakes_at, waker: waker.clone() });
        ticket
    }

    /// Says where a caller stands who comes by, and whom to wake instead of whom it named before. Once it is told that
    /// it was served, its ticket is void.
    pub(super) fn stand(&mut self, ticket: Ticket, now: Instant, waker: &Waker) -> Standing {
        self.serve(now, Some(ticket));
        if let Some(served) = self.served.remove(&ticket) {
            return Standing::Served(served);
        }
        let is_first = self.waiting.first_key_value().is_some_and(|(&first, _)| first == ticket);
        let waiter = self.waiting.get(&ticket).expect("who has a ticket waits or was served");
        let wakes_at = if is_first || waiter.wakes_at <= now {
            // The limit was changed, or a pause came: it is not its turn yet.
            let ahead = self.waiting.range(..=ticket).map(|(_, waiter)| u64::from(waiter.permits.get()));
            now + self.limiter.wait(ahead.sum(), now)
        } else {
            waiter.wakes_at
        };
        let waiter = self.waiting.get_mut(&ticket).expect("it was there a moment ago");
        waiter.wakes_at = wakes_at;
        if !waiter.waker.will_wake(waker) {
            self.to_drop.push(std::mem::replace(&mut waiter.waker, waker.clone()));
        }
        Standing::WaitsUntil(wakes_at)
    }

    /// Leaves the line; what it was given meanwhile is given back.
    pub(super) fn leave(&mut self, ticket: Ticket, now: Instant) {
        if let Some(waiter) = self.waiting.remove(&ticket) {
            self.permits -= u64::from(waiter.permits.get());
            self.to_drop.push(waiter.waker);
        }
        if let Some(Served::Granted { permits, at }) = self.served.remove(&ticket) {
            self.limiter.refund(permits, at, now);
        }
        self.serve(now, None);
    }

    /// Serves all whose turn it is, and sees to it that the next one comes in time. `present` need not be woken.
    pub(super) fn serve(&mut self, now: Instant, present: Option<Ticket>) {
        while let Some(mut first) = self.waiting.first_entry() {
            let (ticket, permits) = (*first.key(), first.get().permits);
            let served = match self.limiter.try_acquire(permits, now) {
                Ok(()) => Served::Granted { permits, at: now },
                Err(refused) => match refused.retry_after {
                    None => Served::Refused(refused),
                    Some(wait) => {
                        let waiter = first.get_mut();
                        if now + wait < waiter.wakes_at {
                            waiter.wakes_at = now + wait;
                            self.to_wake.extend((present != Some(ticket)).then(|| waiter.waker.clone()));
                        }
                        return;
                    }
                },
            };
            let waiter = first.remove();
            self.permits -= u64::from(permits.get());
            self.served.insert(ticket, served);
            let wakers = if present == Some(ticket) { &mut self.to_drop } else { &mut self.to_wake };
            wakers.push(waiter.waker);
        }
    }

    /// Whom to wake, and whose waker to drop, once the lock is released.
    pub(super) fn take_wakers(&mut self) -> (Vec<Waker>, Vec<Waker>) {
        (std::mem::take(&mut self.to_wake), std::mem::take(&mut self.to_drop))
    }
}
