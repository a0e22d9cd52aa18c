use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use seawall_core::Refusal;

use super::Place;
use super::answer::Answer;

const POLLED_AGAIN: &str = "a future is not polled after it is ready";

pin_project! {
    /// The answer of a [`Gated`](super::service::Gated) service. Dropped, it leaves the gate.
    #[project = Projected]
    pub(crate) enum ResponseFuture<F> {
        Inside { #[pin] inner: F, place: Option<Place> },
        Refused { refusal: Option<Refusal> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn inside(inner: F, place: Place) -> Self {
        Self::Inside { inner, place: Some(place) }
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        Self::Refused { refusal: Some(refusal) }
    }
}

impl<F, Response, Error> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response, Error>>,
    Response: Answer,
    Error: From<Refusal>,
{
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            Projected::Inside { inner, place } => {
                let answer = ready!(inner.poll(cx));
                // Taken out whatever the answer is: a future kept after its end is no call under way.
                let place = place.take().expect(POLLED_AGAIN);
                answer.map(|answer| answer.holding(place))
            }
            Projected::Refused { refusal } => Err(refusal.take().expect(POLLED_AGAIN).into()),
        })
    }
}
