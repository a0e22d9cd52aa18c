use backon::BackoffBuilder;
use seawall_core::Classify;
use tokio::time::Sleep;
use tower::retry::Policy;

use super::RetryPolicy;
use crate::Replay;
use crate::clock::now;

impl<C, B, Req, R, E> Policy<Req, R, E> for RetryPolicy<C, B>
where
    C: Classify<R, E> + Replay<Req>,
    B: BackoffBuilder + Clone,
{
    type Future = Sleep;

    fn retry(&mut self, request: &mut Req, result: &mut Result<R, E>) -> Option<Sleep> {
        let Self { settings, course } = self;
        let outcome = settings.classifier.classify(result.as_ref());
        let idempotency = || Some(settings.classifier.idempotency(request));
        if let Some(delay) = settings.conclude(course, outcome, idempotency, now) {
            course.watch.pending();
            return Some(tokio::time::sleep(delay));
        }
        if let Err(error) = result {
            settings.classifier.note_attempts(error, course.attempt, course.watch.read());
            if course.executed {
                settings.classifier.note_may_have_executed(error);
            }
        }
        None
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        // Tower asks for the first copy before the first attempt, and for the next just before it sends a retry.
        if self.course.retries.is_some() {
            self.course.resend();
        }
        if self.settings.is_nested() {
            return None;
        }
        // Of an attempt without a copy tower tells no result: the last one needs its own, to be settled.
        let concerns_us = self.settings.allows_after(self.course.attempt) || self.course.attempt > 1;
        concerns_us.then(|| self.settings.classifier.replay(request)).flatten()
    }
}
