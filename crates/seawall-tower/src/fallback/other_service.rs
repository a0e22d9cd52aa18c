use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use seawall_core::CallContext;
use tokio::time::Sleep;
use tower::util::Oneshot;
use tower_service::Service;

use super::FallbackAction;

/// Answers by another service, which gets a copy of the request; of its errors nothing is told but the first failure.
///
/// A clone of it is readied and called for each failure. To be shared between threads it must be `Sync`
/// (`tower::util::BoxCloneSyncService`, where one is boxed).
pub const fn service<S>(service: S) -> FallbackService<S> {
    FallbackService(service)
}

/// Answers by another service. Made by [`service`].
#[derive(Clone, Copy, Debug)]
pub struct FallbackService<S>(S);

impl<Req, R, E, S> FallbackAction<Req, R, E> for FallbackService<S>
where
    Req: Clone,
    S: Service<Req, Response = R> + Clone,
{
    type Kept = Req;
    type Future = FallbackServiceFuture<S, Req, E>;

    fn keep(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }

    fn answer(&self, request: Req, failed: Result<R, E>) -> Self::Future {
        let limit = CallContext::current_deadline().map(|at| tokio::time::sleep_until(at.into()));
        FallbackServiceFuture { call: Oneshot::new(self.0.clone(), request), limit, failed: Some(failed) }
    }
}

pin_project! {
    /// The answer of the fallback service, or else the failure it was for. Cancel safe if the service's future is.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct FallbackServiceFuture<S, Req, E>
    where
        S: Service<Req>,
    {
        #[pin]
        call: Oneshot<S, Req>,
        // Wakes at the deadline of the call's context.
        #[pin]
        limit: Option<Sleep>,
        failed: Option<Result<S::Response, E>>,
    }
}

impl<S, Req, E> Future for FallbackServiceFuture<S, Req, E>
where
    S: Service<Req>,
{
    type Output = Result<S::Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.call.poll(cx) {
            Poll::Ready(Ok(response)) => return Poll::Ready(Ok(response)),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => match this.limit.as_pin_mut() {
                Some(limit) => ready!(limit.poll(cx)),
                None => return Poll::Pending,
            },
        }
        Poll::Ready(this.failed.take().expect("a future is not polled after it is ready"))
    }
}
