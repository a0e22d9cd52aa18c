use std::task::{Context, Poll};

use tower_service::Service;

use crate::clock::WayIn;

/// A service whose `call` is the way in of our call. Ours has returned by then, because the stack is made ready in between;
/// without this, the stack would stand alone and hand no reading of the clock up.
#[derive(Debug)]
pub(super) struct OnTheWayIn<S>(pub(super) S);

impl<S: Service<Req>, Req> Service<Req> for OnTheWayIn<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> S::Future {
        let _way_in = WayIn::open();
        self.0.call(request)
    }
}
