use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime;
use tokio::time::{Instant, Sleep, sleep_until};

/// When a call's time is over, by a timer that is kept from call to call.
///
/// All timers of a runtime are in one wheel, behind one lock: to put one there for each command and to take it out again
/// costs threads that do so at once more than the command. This one stays there until it fires, and is put further only
/// then: calls that end in time leave it alone.
#[derive(Default)]
pub(crate) struct Timer(Option<Kept>);

struct Kept {
    /// A timer is of no use without its runtime, which may be gone while another one calls.
    runtime: runtime::Id,
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    /// Takes note that a call begins, perhaps in another runtime than the one before.
    pub(crate) fn begin(&mut self) {
        if let Some(kept) = &self.0
            && runtime::Handle::try_current().is_ok_and(|current| current.id() != kept.runtime)
        {
            self.0 = None;
        }
    }

    /// Ready as soon as it is `until`. Between a [`begin`](Self::begin) and the end of its call.
    pub(crate) fn poll_until(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let Kept { sleep, .. } = self.0.get_or_insert_with(|| Kept {
            runtime: runtime::Handle::current().id(),
            sleep: Box::pin(sleep_until(until)),
        });
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= until {
                return Poll::Ready(());
            }
            // It was a former call's.
            sleep.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn wait(timer: &mut Timer, until: Instant) {
        timer.begin();
        poll_fn(|cx| timer.poll_until(until, cx)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_fires_when_the_time_of_the_call_is_over_whatever_was_before() {
        let (mut timer, began) = (Timer::default(), Instant::now());
        // A call that ends in time.
        timer.begin();
        poll_fn(|cx| {
            assert!(timer.poll_until(began + 5 * SECOND, cx).is_pending());
            Poll::Ready(())
        })
        .await;
        for at in [7, 8, 3, 9] {
            let until = Instant::now() + at * SECOND;
            wait(&mut timer, until).await;
            assert_eq!(Instant::now(), until);
        }
        // Of a call whose time is over already.
        let now = Instant::now();
        wait(&mut timer, now - SECOND).await;
        assert_eq!(Instant::now(), now);
    }

    #[test]
    fn it_outlives_the_runtime_that_it_was_used_in() {
        let mut timer = Timer::default();
        for _ in 0..2 {
            let runtime =
                runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async { wait(&mut timer, Instant::now() + SECOND).await });
        }
    }
}
