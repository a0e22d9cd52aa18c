//! The future of [`Hedge`](super::Hedge).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use seawall_core::Classify;
use tokio::time::Sleep;
use tower_service::Service;

use super::race::Race;
use crate::Replay;
use crate::clock::WayOut;

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
        let answer = ready!(poll_race(this.first.as_mut(), this.timer.as_mut(), this.race, &way_out, cx));
        // At once, not when the caller gets round to dropping this future.
        this.first.set(None);
        this.timer.set(None);
        this.race.end(&way_out);
        Poll::Ready(answer)
    }
}

fn poll_race<S, Req, C>(
    mut first: Pin<&mut Option<S::Future>>,
    mut timer: Pin<&mut Option<Sleep>>,
    race: &mut Race<S, Req, C>,
    way_out: &WayOut,
    cx: &mut Context<'_>,
) -> Poll<Result<S::Response, S::Error>>
where
    S: Service<Req>,
    C: Classify<S::Response, S::Error> + Replay<Req>,
{
    if let Some(attempt) = first.as_mut().as_pin_mut() {
        if let Poll::Ready(result) = attempt.poll(cx) {
            first.set(None);
            if let Some(answer) = race.first_ended(result, way_out) {
                return Poll::Ready(answer);
            }
        } else {
            race.first.began(|| way_out.now());
        }
    }
    loop {
        if let Some(answer) = race.poll_hedges(first.is_none(), cx) {
            return Poll::Ready(answer);
        }
        if let Some(answer) = race.answer_if_over(first.is_none()) {
            return Poll::Ready(answer);
        }
        if !race.send_next(timer.as_mut(), cx) {
            return Poll::Pending;
        }
    }
}

impl<S: Service<Req>, Req, C> fmt::Debug for ResponseFuture<S, Req, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("first_is_over", &self.first.is_none()).finish_non_exhaustive()
    }
}
