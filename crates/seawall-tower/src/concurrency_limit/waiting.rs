use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use seawall_core::{Fate, WaitKey};
use tokio::time::{Sleep, sleep_until};

use super::ConcurrencyLimitHandle;
use super::handle::Refused;
use super::permit::Permit;
use super::platform::Std;
use super::waiter::{Verdict, Waiter};
use crate::clock::now;

/// A call that waits for its permit. Dropped, it leaves the queue, or gives back what it was given.
pub(super) struct Waiting {
    limit: ConcurrencyLimitHandle,
    waiter: Arc<Waiter<Std>>,
    began: Instant,
    deadline: Option<Instant>,
    stage: Stage,
    timer: Option<Pin<Box<Sleep>>>,
}

enum Stage {
    /// It was answered at once.
    Answered,
    Queued {
        key: WaitKey,
        longest: Option<Duration>,
    },
    /// It has a permit that must not be used yet.
    Paced(Permit),
    Over,
}

impl Waiting {
    pub(super) fn new(
        limit: ConcurrencyLimitHandle,
        waiter: Arc<Waiter<Std>>,
        place: Option<(WaitKey, Option<Duration>)>,
        began: Instant,
        deadline: Option<Instant>,
    ) -> Self {
        let stage = place.map_or(Stage::Answered, |(key, longest)| Stage::Queued { key, longest });
        Self { limit, waiter, began, deadline, stage, timer: None }
    }

    /// A permit that may be used, or a refusal.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Permit, Refused>> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Paced(permit) => {
                    if self.poll_timer(cx).is_pending() {
                        self.stage = Stage::Paced(permit);
                        return Poll::Pending;
                    }
                    return Poll::Ready(self.enter(permit, true));
                }
                stage => {
                    let queued = matches!(stage, Stage::Queued { .. });
                    if let Some(verdict) = self.waiter.poll(cx.waker()) {
                        match self.judge(verdict) {
                            Ok((permit, None)) => return Poll::Ready(self.enter(permit, queued)),
                            Ok((permit, Some(opens))) => {
                                self.timer = Some(Box::pin(sleep_until(opens.into())));
                                self.stage = Stage::Paced(permit);
                                continue;
                            }
                            Err(refused) => return Poll::Ready(Err(refused)),
                        }
                    }
                    let Stage::Queued { key, longest } = stage else {
                        unreachable!("who has no key has an answer");
                    };
                    self.start_timer(longest);
                    if self.poll_timer(cx).is_pending() {
                        self.stage = stage;
                        return Poll::Pending;
                    }
                    let now = now();
                    if self.limit.withdraw(key, now) {
                        let expired = self.deadline.is_some_and(|deadline| deadline <= now);
                        let fate = if expired { Fate::Expired } else { Fate::Overdue };
                        return Poll::Ready(Err(self.refused(fate, now)));
                    }
                    // The answer came in the last moment.
                    self.stage = stage;
                }
            }
        }
    }

    /// A permit, and from when on it may be used if not now.
    fn judge(&self, verdict: Verdict) -> Result<(Permit, Option<Instant>), Refused> {
        match verdict {
            Verdict::Refused(fate) => Err(self.refused(fate, now())),
            Verdict::Entered { in_flight, opens } => {
                let permit = Permit::new(self.limit.clone(), in_flight);
                match (opens, self.deadline) {
                    // It would be too late, and somebody else may be in time.
                    (Some(opens), Some(deadline)) if deadline <= opens => {
                        Err(self.refused(Fate::Expired, now()))
                    }
                    _ => Ok((permit, opens)),
                }
            }
        }
    }

    fn enter(&self, permit: Permit, waited: bool) -> Result<Permit, Refused> {
        if !waited {
            return Ok(permit);
        }
        let now = now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(self.refused(Fate::Expired, now));
        }
        self.limit.dequeued(now.saturating_duration_since(self.began));
        Ok(permit)
    }

    fn refused(&self, fate: Fate, now: Instant) -> Refused {
        Refused { fate, waited: now.saturating_duration_since(self.began) }
    }

    fn start_timer(&mut self, longest: Option<Duration>) {
        if self.timer.is_none() {
            let patience = longest.and_then(|longest| self.began.checked_add(longest));
            let until = patience.into_iter().chain(self.deadline).min();
            self.timer = until.map(|until| Box::pin(sleep_until(until.into())));
        }
    }

    /// Without a timer it never comes.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Stage::Queued { key, .. } = self.stage
            && !self.limit.withdraw(key, now())
            && let Some(Verdict::Entered { in_flight, .. }) = self.waiter.take()
        {
            self.limit.give_back(in_flight);
        }
        if let Stage::Answered = self.stage
            && let Some(Verdict::Entered { in_flight, .. }) = self.waiter.take()
        {
            self.limit.give_back(in_flight);
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("began", &self.began).finish_non_exhaustive()
    }
}
