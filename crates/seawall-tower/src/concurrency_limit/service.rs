use std::task::{Context, Poll, ready};

use seawall_core::{Classify, Refusal};
use tower_service::Service;

use super::ConcurrencyLimitHandle;
use super::future::ResponseFuture;
use super::permit::Call;
use super::seat::Seat;
use crate::clock::WayIn;

/// Holds the calls under way to a limit. See the [module](super). A clone has no permit and waits for none.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<S, C> {
    inner: S,
    seat: Seat,
    classifier: C,
}

impl<S, C> ConcurrencyLimit<S, C> {
    pub(crate) const fn new(inner: S, limit: ConcurrencyLimitHandle, classifier: C) -> Self {
        Self { inner, seat: Seat::new(limit), classifier }
    }

    crate::inner::accessors!(S);
}

impl<S, C, Req> Service<Req> for ConcurrencyLimit<S, C>
where
    S: Service<Req>,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if !ready!(self.seat.poll(cx)) {
            return Poll::Ready(Ok(()));
        }
        let ready = ready!(self.inner.poll_ready(cx));
        if ready.is_err() {
            self.seat.give_back();
        }
        Poll::Ready(ready)
    }

    /// # Panics
    ///
    /// When the service is not ready.
    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let in_flight = match self.seat.take() {
            Ok(in_flight) => in_flight,
            Err(refused) => return ResponseFuture::refused(self.seat.limit().refusal(refused)),
        };
        let limit = self.seat.limit().clone();
        // The permit is in the call before the inner future exists: a panic in the inner `call` gives it back.
        let (call, _way_in) = if limit.attention().learns {
            let way_in = WayIn::open();
            (Call::learned(limit, in_flight, way_in.place()), Some(way_in))
        } else {
            (Call::unlearned(limit, in_flight), None)
        };
        ResponseFuture::calling(self.inner.call(request), call, self.classifier.clone())
    }
}
