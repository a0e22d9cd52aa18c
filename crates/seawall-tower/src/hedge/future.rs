//! The future of [`Hedge`](super::Hedge).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use seawall_core::Classify;
use tokio::time::Sleep;
use tower_service::Service;

use super::race::Race;
use crate::Replay;

pin_project! {
    /// The first acceptable answer. Dropped, it drops all attempts, and a hedge not sent yet is given back to the
    /// budget; cancel safe if the inner futures are.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<S, Req, C>
    where
        S: Service<Req>,
    {
        #[pin]
        first: Option<S::Future>,
        #[pin]
        timer: Option<Sleep>,
        race: Race<S, Req, C>,
    }
}

impl<S: Service<Req>, Req, C> ResponseFuture<S, Req, C> {
    pub(super) const fn new(first: S::Future, race: Race<S, Req, C>) -> Self {
        Self { first: Some(first), timer: None, race }
    }
}

impl<S, Req, C> Future for ResponseFuture<S, Req, C>
where
    S: Service<Req>,
    C: Classify<S::Response, S::Error> + Replay<Req>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let way_out = this.race.first.place.way_out();
        if let Some(first) = this.first.as_mut().as_pin_mut() {
            if let Poll::Ready(result) = first.poll(cx) {
                this.first.set(None);
                if let Some(answer) = this.race.first_ended(result, &way_out) {
                    return Poll::Ready(answer);
                }
            } else {
                this.race.first.began(|| way_out.now());
            }
        }
        loop {
            if let Some(answer) = this.race.poll_hedges(cx) {
                return Poll::Ready(answer);
            }
            if let Some(answer) = this.race.answer_if_over(this.first.is_none()) {
                return Poll::Ready(answer);
            }
            if !this.race.send_next(this.timer.as_mut(), cx) {
                return Poll::Pending;
            }
        }
    }
}

impl<S: Service<Req>, Req, C> fmt::Debug for ResponseFuture<S, Req, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("first_is_over", &self.first.is_none()).finish_non_exhaustive()
    }
}
