use std::future::{Future as _, poll_fn};
use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use seawall_core::{CallContext, Classify, Event, Failure, FailureKind, Narrowed, Outcome};
use tokio::time::Sleep;
use tower_service::Service;

use super::first::First;
use super::settings::Paid;
use crate::Replay;
use crate::clock::{WayOut, now};

type Answer<S, Req> = Result<<S as Service<Req>>::Response, <S as Service<Req>>::Error>;

/// The attempts of one call, but for the future of the first.
pub(super) struct Race<S: Service<Req>, Req, C> {
    pub(super) first: First<C>,
    /// What the next hedge is sent through, and its request; `None` once no more is to be sent.
    spare: Option<(S, Req)>,
    step: Step,
    hedges: Vec<Hedged<S::Future>>,
    sent: u32,
    /// The failure to answer with if nothing better comes.
    failed: Option<(FailureKind, Answer<S, Req>)>,
    /// Whether an attempt that failed may have been executed, whatever the failure that is the answer says of itself.
    executed: bool,
}

/// What the next hedge waits for.
enum Step {
    /// The first attempt has not been pending yet.
    Start,
    /// The delay.
    Delay,
    /// The inner service, for another delay.
    Ready(Paid),
}

/// A hedge under way.
struct Hedged<F> {
    number: u32,
    began: Instant,
    paid: Paid,
    future: Pin<Box<Narrowed<F>>>,
}

impl<S, Req, C> Race<S, Req, C>
where
    S: Service<Req>,
    C: Classify<S::Response, S::Error> + Replay<Req>,
{
    pub(super) const fn new(first: First<C>, spare: Option<(S, Req)>) -> Self {
        Self { first, spare, step: Step::Start, hedges: Vec::new(), sent: 0, failed: None, executed: false }
    }

    /// Takes the first attempt's result. `Some` is the answer of the call.
    pub(super) fn first_ended(&mut self, result: Answer<S, Req>, way_out: &WayOut) -> Option<Answer<S, Req>> {
        let outcome = self.judge(&result);
        if self.first.settings.handle.is_observed() {
            let elapsed = self.first.elapsed();
            self.first.settings.handle.tell(&Event::Attempted { attempt: 1, outcome, elapsed });
        }
        self.first.record(outcome == Outcome::Success, || way_out.now());
        self.weigh(outcome, result, !self.hedges.is_empty())
    }

    /// Polls the hedges under way. `Some` is the answer of the call.
    pub(super) fn poll_hedges(
        &mut self,
        first_is_over: bool,
        cx: &mut Context<'_>,
    ) -> Option<Answer<S, Req>> {
        let mut next = 0;
        while let Some(hedged) = self.hedges.get_mut(next) {
            let Poll::Ready(result) = hedged.future.as_mut().poll(cx) else {
                next += 1;
                continue;
            };
            let Hedged { number, began, mut paid, .. } = self.hedges.swap_remove(next);
            let outcome = self.judge(&result);
            match outcome.failure_kind() {
                None => paid.worth_it(),
                Some(FailureKind::Refused) => paid.refund(),
                Some(_) => {}
            }
            if self.first.settings.handle.is_observed() {
                let elapsed = now().saturating_duration_since(began);
                self.first.settings.handle.tell(&Event::Attempted { attempt: number, outcome, elapsed });
            }
            if let Some(answer) = self.weigh(outcome, result, !first_is_over || !self.hedges.is_empty()) {
                return Some(answer);
            }
        }
        None
    }

    /// The failure that is the answer if no attempt is under way any more.
    pub(super) fn answer_if_over(&mut self, first_is_over: bool) -> Option<Answer<S, Req>> {
        let over = first_is_over && self.hedges.is_empty();
        let (_, result) = if over { self.failed.take()? } else { return None };
        Some(self.noted(result))
    }

    /// Gets on with sending the next hedge. Says whether one was sent, which must be polled then.
    pub(super) fn send_next(&mut self, mut timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> bool {
        loop {
            let (Some((inner, _)), Some(delay)) = (&mut self.spare, self.first.delay) else { return false };
            match &mut self.step {
                Step::Start => {
                    let due = self.first.began(now).checked_add(delay);
                    let end = CallContext::current_deadline();
                    match due {
                        Some(due) if end.is_none_or(|end| due < end) => {
                            timer.set(Some(tokio::time::sleep_until(due.into())));
                            self.step = Step::Delay;
                        }
                        _ => self.send_no_more(),
                    }
                }
                Step::Delay => {
                    if is_pending(timer.as_mut(), cx) {
                        return false;
                    }
                    match self.first.settings.pay(self.sent) {
                        Some(paid) if !is_too_late() => {
                            timer.set(Some(tokio::time::sleep(delay)));
                            self.step = Step::Ready(paid);
                        }
                        _ => self.send_no_more(),
                    }
                }
                Step::Ready(_) => match poll_ready_as(attempt_after(self.sent + 1), inner, cx) {
                    Poll::Ready(Ok(())) if !is_too_late() => {
                        self.send();
                        timer.set(self.spare.as_ref().map(|_| tokio::time::sleep(delay)));
                        return true;
                    }
                    Poll::Pending if is_pending(timer.as_mut(), cx) => return false,
                    // An error is not the call's: its first attempt may still answer.
                    Poll::Ready(_) | Poll::Pending => self.send_no_more(),
                },
            }
        }
    }

    /// Drops the losers, and takes note of how long the first attempt had if it is one of them.
    pub(super) fn end(&mut self, way_out: &WayOut) {
        self.hedges.clear();
        self.send_no_more();
        self.first.record(false, || way_out.now());
    }

    fn send(&mut self) {
        let Step::Ready(mut paid) = std::mem::replace(&mut self.step, Step::Delay) else { return };
        let Some((mut inner, request)) = self.spare.take() else { return };
        self.sent += 1;
        paid.sent();
        let copy = if paid.more { self.first.settings.classifier.replay(&request) } else { None };
        let (number, delay) = (self.sent + 1, self.first.elapsed());
        let attempt = attempt_after(self.sent);
        let future = Box::pin(CallContext::scope_attempt(Some(attempt), || inner.call(request)));
        self.spare = copy.map(|copy| (inner, copy));
        self.hedges.push(Hedged { number, began: now(), paid, future });
        self.first.settings.handle.tell(&Event::Hedged { attempt: number, delay });
    }

    fn send_no_more(&mut self) {
        self.spare = None;
        // What was paid goes back.
        self.step = Step::Delay;
    }

    fn judge(&self, result: &Answer<S, Req>) -> Outcome {
        self.first.settings.classifier.classify(result.as_ref())
    }

    /// Answers with a result that is acceptable or final, and keeps any other. `others` are under way.
    fn weigh(&mut self, outcome: Outcome, result: Answer<S, Req>, others: bool) -> Option<Answer<S, Req>> {
        let Outcome::Failure(Failure { kind, may_have_executed }) = outcome else { return Some(result) };
        self.executed |= may_have_executed;
        if kind == FailureKind::Permanent {
            // Those are cancelled, which may be too late.
            self.executed |= others;
            return Some(self.noted(result));
        }
        if matches!(kind, FailureKind::Timeout | FailureKind::Overloaded { .. }) {
            self.first.settings.handle.overloaded();
        }
        if matches!(kind, FailureKind::Refused | FailureKind::Overloaded { .. }) {
            self.send_no_more();
        }
        let says_little = |kind| matches!(kind, FailureKind::Refused | FailureKind::Cancelled);
        if self.failed.as_ref().is_none_or(|(kept, _)| says_little(*kept) && !says_little(kind)) {
            self.failed = Some((kind, result));
        }
        None
    }

    fn noted(&self, mut result: Answer<S, Req>) -> Answer<S, Req> {
        if let Err(error) = &mut result
            && self.sent > 0
        {
            let elapsed: Duration = self.first.elapsed();
            self.first.settings.classifier.note_attempts(error, self.sent + 1, elapsed);
            if self.executed {
                self.first.settings.classifier.note_may_have_executed(error);
            }
        }
        result
    }
}

/// What those within are told of an attempt after so many hedges, counted on from what an outer retry says.
fn attempt_after(hedges: u32) -> NonZeroU32 {
    CallContext::current_attempt().unwrap_or(NonZeroU32::MIN).saturating_add(hedges)
}

/// Asks for the attempt that is to be made: a balance chooses another endpoint for it than for the first.
fn poll_ready_as<S: Service<Req>, Req>(
    attempt: NonZeroU32,
    inner: &mut S,
    cx: &mut Context<'_>,
) -> Poll<Result<(), S::Error>> {
    let ready = poll_fn(|cx| inner.poll_ready(cx));
    pin!(CallContext::scope_attempt(Some(attempt), || ready)).poll(cx)
}

/// Whether nobody waits for the answer of what would be sent now.
fn is_too_late() -> bool {
    CallContext::current_deadline().is_some_and(|deadline| deadline <= now())
}

fn is_pending(timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> bool {
    timer.as_pin_mut().is_some_and(|sleep| sleep.poll(cx).is_pending())
}
