use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use seawall_core::Refusal;
use tower::Service;

use super::SharedRateLimiter;

type Turn = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

pin_project! {
    /// The answer of the inner service, or the limiter's refusal. Cancel safe if the inner future is: dropped while it
    /// waits, it leaves the line. Units that it has got are spent.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
    {
        #[pin]
        stage: Stage<S, Req, S::Future>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<S, Req, F> {
        // `turn` is `None` once the units are there. The inner service is asked only then, so that nothing of it is held
        // while others wait.
        Waiting { turn: Option<Turn>, service: S, request: Option<Req> },
        Calling { #[pin] inner: F },
    }
}

impl<S: Service<Req>, Req> ResponseFuture<S, Req> {
    pub(super) fn new(limiter: &SharedRateLimiter, key: String, cost: u32, service: S, request: Req) -> Self {
        // Units that this process holds are there at once.
        let turn = (!limiter.take_held(&key, cost)).then(|| {
            let limiter = limiter.clone();
            Box::pin(async move { limiter.acquire(&key, cost).await }) as Turn
        });
        Self { stage: Stage::Waiting { turn, service, request: Some(request) } }
    }
}

impl<S, Req> Future for ResponseFuture<S, Req>
where
    S: Service<Req>,
    S::Error: From<Refusal>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        if let StageProj::Waiting { turn, service, request } = stage.as_mut().project() {
            if let Some(waiting) = turn {
                ready!(waiting.as_mut().poll(cx))?;
                *turn = None;
            }
            ready!(service.poll_ready(cx))?;
            let inner = service.call(request.take().expect("a service is called once"));
            stage.set(Stage::Calling { inner });
        }
        match stage.project() {
            StageProj::Calling { inner } => inner.poll(cx),
            StageProj::Waiting { .. } => unreachable!("the call was made above"),
        }
    }
}

impl<S: Service<Req>, Req> fmt::Debug for ResponseFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
