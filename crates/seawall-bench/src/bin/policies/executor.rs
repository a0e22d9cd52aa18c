//! Runs the calls of a sample.
//!
//! Not within tokio's runtime: it would yield to itself after every so many calls, and make a system call each time a
//! future is pending, which costs more than most layers do.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// After so long without being woken, a future is polled all the same. tower-resilience's breaker needs it: busy, it
/// sleeps a millisecond, and if that has passed by the time it is polled first, nobody wakes the caller ever again.
const PATIENCE: Duration = Duration::from_millis(50);

thread_local! {
    static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}

/// Runs a future to its end on this thread, with a runtime at hand for timers.
pub(crate) fn in_runtime<F: Future>(future: F) -> F::Output {
    let _entered = runtime().enter();
    let mut future = pin!(future);
    WAKER.with(|waker| {
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                return output;
            }
            thread::park_timeout(PATIENCE);
        }
    })
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build();
        let runtime = runtime.expect("a runtime can be built");
        // As in a busy server, some timer always ends before those of the calls: else each of theirs would wake the
        // runtime, for a microsecond.
        runtime.spawn(async {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        runtime
    })
}
