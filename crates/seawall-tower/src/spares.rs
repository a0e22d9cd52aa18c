use std::fmt;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tower_service::Service;

use crate::Sharded;

/// A thread keeps no more: more calls than these are seldom under way on one.
const MOST: usize = 64;

/// A service, and the instances of it that calls have left behind for the next ones on their thread.
///
/// A service may be called again as soon as its future is made. To clone a stack for each call instead is to count up what
/// every one of its layers shares, a dozen counts that all threads pass to and fro, and to count them down again: with two
/// threads that takes longer than what the layers do.
///
/// Only an instance that holds nothing may be [kept](Self::keep): layers reserve permits when they become ready, and one
/// that refuses a call leaves those within it with theirs, which others may be waiting for.
///
/// ```
/// use std::convert::Infallible;
/// use seawall_tower::Spares;
/// use tower::service_fn;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Infallible> {
/// let spares = Spares::new(service_fn(async |name: &str| Ok::<_, Infallible>(format!("hello {name}"))));
/// assert_eq!(spares.call("world").await?, "hello world");
/// assert_eq!(spares.len(), 1);
/// # Ok(()) }
/// ```
pub struct Spares<S> {
    original: S,
    most: usize,
    kept: Sharded<Mutex<Vec<S>>>,
}

impl<S: Clone> Spares<S> {
    /// None is left behind yet.
    pub fn new(original: S) -> Self {
        Self { original, most: MOST, kept: Sharded::default() }
    }

    /// Keeps none: for layers that nothing is known of.
    pub fn none(original: S) -> Self {
        Self { most: 0, ..Self::new(original) }
    }

    /// Makes a call, and keeps the instance if the answer is no error: then no layer has refused the call. That is right
    /// where every layer passes on what it does not refuse; one that answers by itself leaves those within it with what
    /// they reserved.
    ///
    /// # Errors
    /// Those of the service.
    ///
    /// # Cancel safety
    /// As the service's; the instance is dropped.
    pub async fn call<R>(&self, request: R) -> Result<S::Response, S::Error>
    where
        S: Service<R>,
    {
        let mut service = self.take();
        poll_fn(|cx| service.poll_ready(cx)).await?;
        let answer = service.call(request).await?;
        self.keep(service);
        Ok(answer)
    }

    /// An instance to make a call by. It has not been asked yet whether it is ready.
    pub fn take(&self) -> S {
        let spare = self.own().pop();
        spare.unwrap_or_else(|| self.original.clone())
    }
}

impl<S> Spares<S> {
    /// Keeps an instance that holds nothing.
    pub fn keep(&self, instance: S) {
        let mut kept = self.own();
        if kept.len() < self.most {
            kept.push(instance);
        } else {
            // What it drops is nobody's business who waits here.
            drop(kept);
            drop(instance);
        }
    }

    /// What was given to be cloned.
    pub const fn original(&self) -> &S {
        &self.original
    }

    /// How many instances are kept, on all threads.
    pub fn len(&self) -> usize {
        self.kept.iter().map(|kept| lock(kept).len()).sum()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn own(&self) -> MutexGuard<'_, Vec<S>> {
        lock(self.kept.own())
    }
}

impl<S> fmt::Debug for Spares<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spares").field("len", &self.len()).finish_non_exhaustive()
    }
}

fn lock<S>(kept: &Mutex<Vec<S>>) -> MutexGuard<'_, Vec<S>> {
    // Whatever panicked, a list of instances is one still.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
