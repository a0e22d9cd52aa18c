//! The future of [`Fallback`](super::Fallback).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use seawall_core::{Classify, FailureKind};
use tower_service::Service;

use super::FallbackAction;
use super::layer::Settings;

pin_project! {
    /// The answer of the inner service, or of the fallback. Cancel safe if both futures are.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<S, Req, A, C>
    where
        S: Service<Req>,
        A: FallbackAction<Req, S::Response, S::Error>,
    {
        settings: Arc<Settings<A, C>>,
        #[pin]
        state: State<S::Future, A::Kept, A::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, K, G> {
        Calling { #[pin] inner: F, kept: Option<K> },
        FallingBack { #[pin] answer: G, kind: FailureKind },
    }
}

impl<S, Req, A, C> ResponseFuture<S, Req, A, C>
where
    S: Service<Req>,
    A: FallbackAction<Req, S::Response, S::Error>,
{
    pub(super) const fn new(inner: S::Future, kept: Option<A::Kept>, settings: Arc<Settings<A, C>>) -> Self {
        Self { settings, state: State::Calling { inner, kept } }
    }
}

impl<S, Req, A, C> Future for ResponseFuture<S, Req, A, C>
where
    S: Service<Req>,
    A: FallbackAction<Req, S::Response, S::Error>,
    C: Classify<S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Calling { inner, kept } => {
                    let result = ready!(inner.poll(cx));
                    let failure = this.settings.classifier.classify(result.as_ref()).failure_kind();
                    let Some(kind) = failure.filter(|kind| this.settings.answers_for(*kind)) else {
                        return Poll::Ready(result);
                    };
                    let Some(kept) = kept.take() else {
                        return Poll::Ready(result);
                    };
                    let answer = this.settings.action.answer(kept, result);
                    this.state.set(State::FallingBack { answer, kind });
                }
                StateProj::FallingBack { answer, kind } => {
                    let result = ready!(answer.poll(cx));
                    let failure = this.settings.classifier.classify(result.as_ref()).failure_kind();
                    if failure.is_none() {
                        this.settings.fell_back(*kind);
                    }
                    return Poll::Ready(result);
                }
            }
        }
    }
}

impl<S, Req, A, C> fmt::Debug for ResponseFuture<S, Req, A, C>
where
    S: Service<Req>,
    A: FallbackAction<Req, S::Response, S::Error>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
