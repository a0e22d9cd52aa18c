//! Waiting for a file descriptor, of which a process has only so many.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use seawall_core::Error;
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout_at;

/// Others close files too, and do not tell: so often one of those who wait tries.
const NOW_AND_THEN: Duration = Duration::from_millis(25);

/// How long a call without a deadline waits.
const PATIENCE: Duration = Duration::from_mins(1);

/// Those who met the limit of open files, and wait until one is closed.
///
/// Each file that this client closes lets one of them try again, first come, first served. That nobody closes one may
/// be because the others are not this client's: then the first of them tries now and then. So trying costs the same
/// however many wait.
#[derive(Debug, Default)]
pub(crate) struct Descriptors {
    waiting: AtomicUsize,
    closed: Notify,
    first: Mutex<()>,
}

impl Descriptors {
    /// Says that a file was closed, or may have been.
    pub(crate) fn closed(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.closed.notify_one();
        }
    }

    /// Waits until it is worth trying again; `false` if that is not before `until`.
    pub(crate) async fn wait(&self, until: Instant) -> bool {
        let _waiting = Waiting::among(&self.waiting);
        let one_closed = async {
            tokio::select! {
                () = self.closed.notified() => {}
                () = self.now_and_then() => {}
            }
        };
        timeout_at(until.into(), one_closed).await.is_ok()
    }

    async fn now_and_then(&self) {
        let _first = self.first.lock().await;
        tokio::time::sleep(NOW_AND_THEN).await;
    }
}

/// Says, when it is dropped, that a file was closed. For where a file is closed wherever its reader is dropped.
#[derive(Debug)]
pub(crate) struct Closing(Arc<Descriptors>);

impl Closing {
    pub(crate) fn tells(descriptors: &Arc<Descriptors>) -> Self {
        Self(Arc::clone(descriptors))
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.closed();
    }
}

/// One of those who wait, while it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Until when an attempt waits for a descriptor. One that was made again after another had waited for a minute does not
/// wait for a further one.
pub(crate) fn patience(deadline: Option<Instant>, attempt: u32) -> Instant {
    let now = tokio::time::Instant::now().into_std();
    deadline.unwrap_or(if attempt > 1 { now } else { now + PATIENCE })
}

/// Opens a directory in the midst of a tree, on a thread: where too many files are open, now and then, until there are
/// fewer, `given_up`, or a minute has passed.
#[expect(
    clippy::disallowed_methods,
    reason = "half of a tree cannot be left and come back to: it keeps its thread"
)]
pub(crate) fn patiently<T, E: Shortage>(
    given_up: &dyn Fn() -> bool,
    mut open: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut left = PATIENCE;
    loop {
        match open() {
            Err(cause) if cause.is_shortage() && !left.is_zero() && !given_up() => {
                std::thread::sleep(NOW_AND_THEN);
                left = left.saturating_sub(NOW_AND_THEN);
            }
            opened => return opened,
        }
    }
}

/// A failure that may be because too many files are open, in this process or in the system.
pub(crate) trait Shortage {
    fn is_shortage(&self) -> bool;
}

impl Shortage for io::Error {
    fn is_shortage(&self) -> bool {
        is_shortage(self)
    }
}

/// Whether it failed because too many files are open, in this process or in the system.
pub(crate) fn ran_out(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(this) = cause {
        if this.downcast_ref().is_some_and(is_shortage) {
            return true;
        }
        cause = this.source();
    }
    false
}

#[cfg(unix)]
pub(crate) fn is_shortage(cause: &io::Error) -> bool {
    use rustix::io::Errno;

    matches!(Errno::from_io_error(cause), Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(not(unix))]
pub(crate) fn is_shortage(_: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    fn in_(seconds: u64) -> Instant {
        tokio::time::Instant::now().into_std() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn each_file_that_is_closed_lets_one_of_those_who_wait_try() {
        let descriptors = Descriptors::default();
        let (mut one, mut other) =
            (task::spawn(descriptors.wait(in_(9))), task::spawn(descriptors.wait(in_(9))));
        assert_pending!(one.poll());
        assert_pending!(other.poll());
        descriptors.closed();
        assert!(one.is_woken() && !other.is_woken());
        assert!(assert_ready!(one.poll()));
        descriptors.closed();
        assert!(assert_ready!(other.poll()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_of_one_who_has_gone_is_the_next_ones() {
        let descriptors = Descriptors::default();
        let mut one = task::spawn(descriptors.wait(in_(9)));
        let mut other = task::spawn(descriptors.wait(in_(9)));
        assert_pending!(one.poll());
        assert_pending!(other.poll());
        descriptors.closed();
        drop(one);
        assert!(assert_ready!(other.poll()));
        assert_eq!(descriptors.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn with_nobody_closing_anything_one_of_all_tries_now_and_then() {
        let descriptors = Arc::new(Descriptors::default());
        let begun = tokio::time::Instant::now();
        let waits = (0..8).map(|_| {
            let descriptors = Arc::clone(&descriptors);
            async move {
                assert!(descriptors.wait(in_(9)).await);
                begun.elapsed()
            }
        });
        let mut after = futures_util::future::join_all(waits).await;
        after.sort();
        // One after the other, each so long after the one before (and a timer's millisecond).
        for (place, after) in (1..).zip(after) {
            assert!(after >= NOW_AND_THEN * place && after < NOW_AND_THEN * (place + 1), "{after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_at_the_deadline_of_the_call() {
        assert!(!Descriptors::default().wait(in_(0)).await);
        assert_eq!(patience(Some(in_(5)), 3), in_(5));
        assert_eq!(patience(None, 1), in_(60));
        assert_eq!(patience(None, 2), in_(0));
    }

    #[test]
    fn what_meets_the_limit_in_the_midst_of_a_tree_is_tried_until_it_is_over_or_given_up() {
        let full = || io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        let mut tries = 0;
        let third = |tries: &mut u32| {
            *tries += 1;
            if *tries < 3 { Err(full()) } else { Ok(*tries) }
        };
        assert_eq!(patiently(&|| false, || third(&mut tries)).unwrap(), 3);
        patiently(&|| true, || Err::<(), _>(full())).unwrap_err();
        let mut others = 0;
        let other = || {
            others += 1;
            Err::<(), io::Error>(io::ErrorKind::PermissionDenied.into())
        };
        patiently(&|| false, other).unwrap_err();
        assert_eq!(others, 1);
    }
}
