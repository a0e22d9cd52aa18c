//! Whether a read that the page cache does not answer goes to a ring or to a thread.

use std::fs::File;
use std::sync::Arc;

/// A read of an open file that a ring can do.
#[cfg_attr(
    not(all(feature = "uring", target_os = "linux")),
    expect(dead_code, reason = "without rings nobody looks at it")
)]
pub(crate) struct RingRead {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    pub(crate) count: usize,
}

#[cfg(all(feature = "uring", target_os = "linux"))]
pub(super) use ring::Rings;

#[cfg(not(all(feature = "uring", target_os = "linux")))]
pub(super) use none::Rings;

#[cfg(all(feature = "uring", target_os = "linux"))]
mod ring {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use bytes::BytesMut;

    use super::super::buffers;
    use super::{Arc, RingRead};
    use crate::sys::ring::Ring;

    /// With fewer reads under way threads are as fast, and warm.
    const DEPTH: usize = 8;

    /// The longest read that goes to a ring: of longer ones a thread does as much.
    const LONGEST: usize = 1024 * 1024;

    #[derive(Debug)]
    pub(in super::super) struct Rings {
        /// `None` inside if there can be none.
        ring: OnceLock<Option<Ring>>,
        asked_for: AtomicBool,
        under_way: AtomicUsize,
        always: bool,
        most: u32,
    }

    impl Rings {
        pub(in super::super) fn new(always: bool, concurrency: usize) -> Self {
            let most = u32::try_from(concurrency.clamp(1, 255)).unwrap_or(255);
            Self {
                ring: OnceLock::new(),
                asked_for: AtomicBool::new(false),
                under_way: AtomicUsize::new(0),
                always,
                most,
            }
        }

        /// Whether there may be a ring one day.
        pub(in super::super) fn may_be(&self) -> bool {
            !matches!(self.ring.get(), Some(None))
        }

        /// Whether somebody has to start a ring, on a thread.
        pub(in super::super) fn wants_start(&self) -> bool {
            let deep = self.always || self.under_way.load(Ordering::Relaxed) >= DEPTH;
            deep && !self.asked_for.swap(true, Ordering::Relaxed)
        }

        pub(in super::super) fn start(&self) {
            self.ring.get_or_init(|| Ring::start(self.most).ok());
        }

        /// Counts a read that has to wait for the device.
        pub(in super::super) fn count(&self) -> Counted<'_> {
            self.under_way.fetch_add(1, Ordering::Relaxed);
            Counted(self)
        }

        /// What was read, fewer bytes only at the end of the file; `None` if a thread is to do it.
        pub(in super::super) async fn read(&self, read: &RingRead) -> Option<BytesMut> {
            let deep = self.always || self.under_way.load(Ordering::Relaxed) >= DEPTH;
            let Some(Some(ring)) = self.ring.get() else { return None };
            if !deep || read.count > LONGEST {
                return None;
            }
            let mut content = buffers::aligned(read.count);
            while content.len() < read.count {
                let (missing, offset) = (read.count - content.len(), read.offset + content.len() as u64);
                let answer = ring.read(Arc::clone(&read.file), content, missing as u32, offset)?;
                let (filled, read) = answer.await.ok()?;
                content = filled;
                // Whatever is wrong, a thread finds out and says it.
                if read.ok()? == 0 {
                    break;
                }
            }
            Some(content)
        }
    }

    pub(in super::super) struct Counted<'a>(&'a Rings);

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(not(all(feature = "uring", target_os = "linux")))]
mod none {
    use bytes::BytesMut;

    use super::RingRead;

    /// There are none.
    #[derive(Debug)]
    pub(in super::super) struct Rings;

    #[expect(clippy::unused_self, clippy::unused_async, reason = "where there are rings, it is otherwise")]
    impl Rings {
        pub(in super::super) const fn new(_: bool, _: usize) -> Self {
            Self
        }

        pub(in super::super) const fn may_be(&self) -> bool {
            false
        }

        pub(in super::super) const fn wants_start(&self) -> bool {
            false
        }

        pub(in super::super) const fn start(&self) {}

        pub(in super::super) const fn count(&self) -> Counted {
            Counted
        }

        pub(in super::super) async fn read(&self, _: &RingRead) -> Option<BytesMut> {
            None
        }
    }

    pub(in super::super) struct Counted;
}
