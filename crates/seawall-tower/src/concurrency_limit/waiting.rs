use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use seawall_core::{Fate, WaitKey};
use tokio::time::{Sleep, sleep_until};

use super::ConcurrencyLimitHandle;
use super::patience::{Patience, Refused};
use super::permit::Permit;
use super::platform::Std;
use super::waiter::{Verdict, Waiter};
use crate::clock::now;

/// A call that waits for its permit. Dropped, it leaves the queue, or gives back what it was given.
pub(super) struct Waiting {
    limit: ConcurrencyLimitHandle,
    waiter: Arc<Waiter<Std>>,
    patience: Patience,
    stage: Stage,
    timer: Option<Pin<Box<Sleep>>>,
}

enum Stage {
    /// It was answered at once.
    Answered,
    Queued(WaitKey),
    /// It has a permit that must not be used yet.
    Paced(Permit, WaitKey),
    Over,
}

impl Waiting {
    pub(super) fn new(
        limit: ConcurrencyLimitHandle,
        waiter: Arc<Waiter<Std>>,
        key: Option<WaitKey>,
        patience: Patience,
    ) -> Self {
        let stage = key.map_or(Stage::Answered, Stage::Queued);
        Self { limit, waiter, patience, stage, timer: None }
    }

    /// A permit that may be used, or a refusal.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Permit, Refused>> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Paced(permit, key) => {
                    if self.poll_timer(cx).is_pending() {
                        self.stage = Stage::Paced(permit, key);
                        return Poll::Pending;
                    }
                    if !self.limit.wait_again(&self.waiter, key, &self.patience) {
                        return Poll::Ready(self.enter(permit, true));
                    }
                    permit.keep();
                    self.timer = None;
                    self.stage = Stage::Queued(key);
                }
                stage => {
                    if let Some(verdict) = self.waiter.poll(cx.waker()) {
                        match (self.judge(verdict), stage) {
                            (Ok((permit, Some(opens))), Stage::Queued(key)) => {
                                self.timer = Some(Box::pin(sleep_until(opens.into())));
                                self.stage = Stage::Paced(permit, key);
                                continue;
                            }
                            (Ok((permit, _)), stage) => {
                                return Poll::Ready(self.enter(permit, matches!(stage, Stage::Queued(_))));
                            }
                            (Err(refused), _) => return Poll::Ready(Err(refused)),
                        }
                    }
                    let Stage::Queued(key) = stage else {
                        unreachable!("who has no key has an answer");
                    };
                    self.start_timer();
                    if self.poll_timer(cx).is_pending() {
                        self.stage = stage;
                        return Poll::Pending;
                    }
                    let now = now();
                    if self.limit.withdraw(key, now) {
                        return Poll::Ready(Err(self.patience.exhausted(now)));
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
            Verdict::Refused(fate) => Err(self.patience.refused(fate, now())),
            Verdict::Entered { in_flight, opens } => {
                let permit = Permit::new(self.limit.clone(), in_flight);
                match opens.and_then(|opens| self.patience.outlasted_by(opens, now())) {
                    Some(refused) => Err(refused),
                    None => Ok((permit, opens)),
                }
            }
        }
    }

    fn enter(&self, permit: Permit, waited: bool) -> Result<Permit, Refused> {
        if !waited {
            return Ok(permit);
        }
        let now = now();
        if self.patience.is_expired(now) {
            return Err(self.patience.refused(Fate::Expired, now));
        }
        self.limit.dequeued(self.patience.waited(now));
        Ok(permit)
    }

    fn start_timer(&mut self) {
        if self.timer.is_none() {
            self.timer = self.patience.until().map(|until| Box::pin(sleep_until(until.into())));
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
        if let Stage::Queued(key) = self.stage
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
        f.debug_struct("Waiting").field("patience", &self.patience).finish_non_exhaustive()
    }
}
