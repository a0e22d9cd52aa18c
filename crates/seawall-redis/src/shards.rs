//! Services that threads use in turn, each thread its own.
//!
//! To clone a stack for a call is to count a dozen references that all threads count: with two of them that takes longer
//! than all that the stack does. A service may be called again as soon as its future is made, so one for each thread is
//! enough; a clone is made only where one has to wait for its readiness.

use std::sync::Mutex;
use std::task::Poll;

use seawall_tower::Sharded;
use tower::Service;

/// One service, as many times as there are threads that call it.
pub(crate) struct Shards<S>(Sharded<Mutex<S>>);

impl<S> Shards<S> {
    pub(crate) fn new(mut make: impl FnMut() -> S) -> Self {
        Self(Sharded::new(|| Mutex::new(make())))
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
            let shard = self.0.own();
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
