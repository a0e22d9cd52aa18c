//! Services that threads use in turn, each thread its own.
//!
//! To clone a stack for a call is to count a dozen references that all threads count: with two of them that takes longer
//! than all that the stack does. A service may be called again as soon as its future is made, so one for each thread is
//! enough; a clone is made only where one has to wait for its readiness.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;

use tower::Service;

/// More threads than this share.
const MOST: usize = 16;

/// One service, as many times as there are threads that call it.
pub(crate) struct Shards<S>(Box<[Shard<S>]>);

/// On a cache line of its own, so that threads do not meet.
#[repr(align(128))]
struct Shard<S>(Mutex<S>);

impl<S> Shards<S> {
    pub(crate) fn new(mut make: impl FnMut() -> S) -> Self {
        Self((0..shards()).map(|_| Shard(Mutex::new(make()))).collect())
    }

    /// Makes a call.
    pub(crate) async fn call<R>(&self, request: R) -> Result<S::Response, S::Error>
    where
        S: Service<R> + Clone,
    {
        self.with(|service| service.call(request)).await?.await
    }

    /// Does something with a service that is ready.
    pub(crate) async fn with<R, F>(&self, call: impl FnOnce(&mut S) -> F) -> Result<F, S::Error>
    where
        S: Service<R> + Clone,
    {
        let mut call = Some(call);
        let mut waiting: Option<S> = None;
        std::future::poll_fn(|cx| {
            let mut call = |service: &mut S| call.take().expect("a call is made once")(service);
            if let Some(service) = &mut waiting {
                return service.poll_ready(cx).map_ok(|()| call(service));
            }
            let shard = &self.0[thread() % self.0.len()].0;
            let mut service = shard.lock().unwrap_or_else(|poisoned| {
                // A panic in the middle of a call left something half ready.
                let mut service = poisoned.into_inner();
                *service = service.clone();
                shard.clear_poison();
                service
            });
            match service.poll_ready(cx) {
                Poll::Ready(ready) => Poll::Ready(ready.map(|()| call(&mut service))),
                Poll::Pending => {
                    // It waits in the name of this call from here on, and the others go on with another.
                    let other = service.clone();
                    waiting = Some(std::mem::replace(&mut *service, other));
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// How many there are of whatever threads use in turn.
pub(crate) fn shards() -> usize {
    std::thread::available_parallelism().map_or(2, |count| 2 * count.get()).min(MOST)
}

/// The number of this thread among those that ever called.
pub(crate) fn thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: Cell<Option<usize>> = const { Cell::new(None) });
    NUMBER.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Relaxed);
        NUMBER.set(Some(number));
        number
    })
}
