use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use seawall_core::{CallContext, Event, Refused};
use tokio::time::Sleep;

use super::RateLimiterHandle;
use super::line::{Line, Served, Standing, Ticket};
use crate::clock::now;

/// One caller's way to its permits: asked for, waited for, held, and given back when it is dropped before they are spent.
#[derive(Debug)]
pub(super) struct Turn {
    limiter: RateLimiterHandle,
    permits: NonZeroU32,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Outside,
    InLine(Place),
    Held { taken: Instant },
    Refused(Refused),
}

/// A place in the line, and the timer that ends the wait. The timer is in a box only here, where a call waits anyway.
#[derive(Debug)]
struct Place {
    ticket: Ticket,
    patience: Patience,
    joined: Instant,
    sleep: Pin<Box<Sleep>>,
}

/// Until when it makes sense to wait, and why no longer.
#[derive(Clone, Copy, Debug)]
struct Patience {
    until: Option<Instant>,
    reason: &'static str,
}

impl Turn {
    pub(super) const fn new(limiter: RateLimiterHandle, permits: NonZeroU32) -> Self {
        Self { limiter, permits, stage: Stage::Outside }
    }

    pub(super) const fn limiter(&self) -> &RateLimiterHandle {
        &self.limiter
    }

    /// Ready once the permits are held or refused; it stays so until they are [spent](Self::spend).
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Stage::Outside = self.stage {
            self.stage = self.ask(cx);
        }
        if let Stage::InLine(place) = &mut self.stage {
            let stage = ready!(place.poll(&self.limiter, cx));
            self.stage = stage;
        }
        Poll::Ready(())
    }

    pub(super) const fn is_refused(&self) -> bool {
        matches!(self.stage, Stage::Refused(_))
    }

    /// Spends the permits, or says why there are none. Who has not waited for its turn gets them now or never.
    pub(super) fn spend(&mut self) -> Result<(), Refused> {
        match std::mem::replace(&mut self.stage, Stage::Outside) {
            Stage::Held { .. } => Ok(()),
            Stage::Refused(refused) => Err(refused),
            stage @ (Stage::Outside | Stage::InLine(_)) => {
                self.stage = stage;
                self.give_back();
                self.limiter.take(self.permits)
            }
        }
    }

    fn ask(&self, cx: &Context<'_>) -> Stage {
        let now = now();
        if self.limiter.pass(self.permits, now) {
            return Stage::Held { taken: now };
        }
        let joined = self.limiter.with(|line| match line.try_acquire(self.permits, now) {
            Ok(()) => Ok(None),
            Err(refused) => {
                let (turn, patience) = may_wait(line, refused, now)?;
                Ok(Some((line.join(self.permits, turn, cx.waker()), turn, patience)))
            }
        });
        match joined {
            Ok(None) => Stage::Held { taken: now },
            Ok(Some((ticket, turn, patience))) => {
                let sleep = Box::pin(tokio::time::sleep_until(turn.into()));
                Stage::InLine(Place { ticket, patience, joined: now, sleep })
            }
            Err(refused) => Stage::Refused(refused),
        }
    }

    fn give_back(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Outside) {
            Stage::Outside | Stage::Refused(_) => {}
            Stage::Held { taken } => self.limiter.refund(self.permits, taken),
            Stage::InLine(place) => {
                let now = now();
                self.limiter.with(|line| line.leave(place.ticket, now));
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Place {
    fn poll(&mut self, limiter: &RateLimiterHandle, cx: &mut Context<'_>) -> Poll<Stage> {
        // A reading shared with the layers around can be older than the timer: never wait for a turn that has come.
        let mut come = self.joined;
        loop {
            let now = now().max(come);
            let standing = limiter.with(|line| match line.stand(self.ticket, now, cx.waker()) {
                Standing::WaitsUntil(turn) if self.patience.until.is_some_and(|until| turn > until) => {
                    line.leave(self.ticket, now);
                    let retry_after = Some(turn.saturating_duration_since(now));
                    Standing::Served(Served::Refused(Refused { reason: self.patience.reason, retry_after }))
                }
                standing => standing,
            });
            match standing {
                Standing::Served(Served::Granted { at, .. }) => {
                    limiter.tell(&Event::Dequeued { waited: now.saturating_duration_since(self.joined) });
                    return Poll::Ready(Stage::Held { taken: at });
                }
                Standing::Served(Served::Refused(refused)) => return Poll::Ready(Stage::Refused(refused)),
                Standing::WaitsUntil(turn) => {
                    if self.sleep.deadline() != turn.into() {
                        self.sleep.as_mut().reset(turn.into());
                    }
                    ready!(self.sleep.as_mut().poll(cx));
                    come = turn;
                }
            }
        }
    }
}

/// When it will be the turn of a call that cannot pass at once, and how long it waits for it; or why it does not wait.
fn may_wait(line: &Line, refused: Refused, now: Instant) -> Result<(Instant, Patience), Refused> {
    let config = line.limiter.config();
    let (Some(wait), Some(max_wait)) = (refused.retry_after, config.max_wait) else {
        return Err(refused);
    };
    if wait > max_wait {
        return Err(refused);
    }
    if line.len() >= config.max_waiting {
        return Err(Refused { reason: "too many calls wait", ..refused });
    }
    let turn = now + wait;
    let patience = patience(max_wait, refused.reason, now);
    if patience.until.is_some_and(|until| turn > until) {
        return Err(Refused { reason: patience.reason, ..refused });
    }
    Ok((turn, patience))
}

fn patience(max_wait: Duration, reason: &'static str, now: Instant) -> Patience {
    let own = now.checked_add(max_wait);
    match CallContext::current_deadline() {
        Some(deadline) if own.is_none_or(|own| deadline < own) => {
            Patience { until: Some(deadline), reason: "the deadline comes before its turn" }
        }
        _ => Patience { until: own, reason },
    }
}
