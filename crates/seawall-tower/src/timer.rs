use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::runtime::{Handle, Id};
use tokio::task::unconstrained;
use tokio::time::{Sleep, sleep_until};

/// A timer for one call after the other, for backends that answer in microseconds.
///
/// To set one of tokio's timers and to take it back is to lock, twice, what all threads of the runtime share. One that is
/// only moved to a later time needs no lock, so keep this where calls follow each other, beside a connection for instance:
/// it stays set after a call that came in time, and the next one moves it on. Should it go off between two calls, it wakes
/// the task of the last one for nothing.
///
/// ```
/// use std::pin::pin;
/// use std::time::Duration;
/// use seawall_tower::Timer;
/// use seawall_tower::clock::now;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let mut timer = Timer::default();
/// let until = Some(now() + Duration::from_millis(1));
/// assert_eq!(timer.limit(until, pin!(async { 5 })).await, Some(5));
/// assert_eq!(timer.limit(until, pin!(std::future::pending::<u8>())).await, None);
/// # }
/// ```
#[derive(Default)]
pub struct Timer(Option<(Id, Pin<Box<Sleep>>)>);

impl Timer {
    /// Awaits a future until then at most: `None` if that comes first. A future that is ready is never too late, and one
    /// that need not wait sets no timer.
    ///
    /// # Panics
    /// When it has to wait outside of a tokio runtime whose time is enabled.
    ///
    /// # Cancel safety
    /// As the future's, which is the caller's to drop.
    pub const fn limit<'a, F: Future>(
        &'a mut self,
        until: Option<Instant>,
        future: Pin<&'a mut F>,
    ) -> Limited<'a, F> {
        Limited { timer: self, until, is_set: false, future }
    }

    /// Moves it to then. Of another runtime it is of no use here, and that one may be gone.
    fn set(&mut self, until: Instant) {
        let runtime = Handle::current().id();
        match &mut self.0 {
            Some((of, sleep)) if *of == runtime => sleep.as_mut().reset(until.into()),
            other => *other = Some((runtime, Box::pin(sleep_until(until.into())))),
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").finish_non_exhaustive()
    }
}

/// A future with a [`Timer`] beside it.
#[must_use = "futures do nothing unless polled"]
pub struct Limited<'a, F> {
    timer: &'a mut Timer,
    until: Option<Instant>,
    is_set: bool,
    future: Pin<&'a mut F>,
}

impl<F: Future> Future for Limited<'_, F> {
    type Output = Option<F::Output>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Poll::Ready(output) = this.future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        let Some(until) = this.until else { return Poll::Pending };
        if !this.is_set {
            this.timer.set(until);
            this.is_set = true;
        }
        let Some((_, sleep)) = &mut this.timer.0 else { return Poll::Pending };
        // Not at the cost of the task's budget: a future that has used it up would never see its time pass.
        Pin::new(&mut unconstrained(sleep.as_mut())).poll(cx).map(|()| None)
    }
}

impl<F> fmt::Debug for Limited<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited").field("until", &self.until).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;
    use crate::clock::now;

    #[tokio::test(start_paused = true)]
    async fn each_call_has_its_own_time_whether_it_is_later_or_earlier_than_the_last() {
        let mut timer = Timer::default();
        // What the call before leaves it set for, and the call's own.
        for (left, own) in [(8, 50), (150, 50), (8, 20), (30, 30), (60, 10)]
            .map(|(left, own)| (Duration::from_millis(left), Duration::from_millis(own)))
        {
            let began = now();
            let in_time = sleep(Duration::from_millis(5));
            assert_eq!(timer.limit(Some(began + left), pin!(in_time)).await, Some(()));
            assert_eq!(timer.limit(Some(began + own), pin!(pending::<()>())).await, None);
            assert_eq!(now() - began, own);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_is_never_too_late_and_sets_nothing() {
        let mut timer = Timer::default();
        assert_eq!(timer.limit(Some(now()), pin!(ready(7))).await, Some(7));
        assert!(timer.0.is_none());
    }

    #[test]
    fn one_of_a_runtime_that_is_gone_serves_another() {
        let mut timer = Timer::default();
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let runtime = runtime.expect("a runtime without input and output can be made");
            let until = Some(now() + Duration::from_millis(1));
            assert_eq!(runtime.block_on(timer.limit(until, pin!(pending::<()>()))), None);
        }
    }
}
