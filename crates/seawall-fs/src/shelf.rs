use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use seawall_core::Error;
use tower::util::BoxCloneSyncService;

use crate::{FsRequest, FsResponse};

pub(crate) type Stack = BoxCloneSyncService<FsRequest, FsResponse, Error>;

/// A stack, and clones of it that are between two calls. A service may be called again as soon as it has been called,
/// and making a clone of a whole stack for each call costs more than most of its layers.
#[derive(Clone)]
pub(crate) struct Shelf {
    stack: Stack,
    spares: Arc<[Spare; SPARES]>,
}

/// More than one, so that threads do not meet at it.
const SPARES: usize = 8;

/// On cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Spare(Mutex<Option<Stack>>);

impl Shelf {
    pub(crate) fn new(stack: Stack) -> Self {
        Self { stack, spares: Arc::default() }
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// A clone, which has not been asked whether it is ready.
    pub(crate) fn take(&self) -> Stack {
        // Whoever finds somebody else here makes a clone rather than wait.
        let spare = self.spare().0.try_lock().ok().and_then(|mut spare| spare.take());
        spare.unwrap_or_else(|| self.stack.clone())
    }

    /// Takes one back that has been called.
    pub(crate) fn put_back(&self, stack: Stack) {
        if let Ok(mut spare) = self.spare().0.try_lock() {
            spare.get_or_insert(stack);
        }
    }

    fn spare(&self) -> &Spare {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static NUMBER: Cell<Option<usize>> = const { Cell::new(None) });
        let number = NUMBER.get().unwrap_or_else(|| {
            let number = THREADS.fetch_add(1, Ordering::Relaxed);
            NUMBER.set(Some(number));
            number
        });
        &self.spares[number % SPARES]
    }
}
