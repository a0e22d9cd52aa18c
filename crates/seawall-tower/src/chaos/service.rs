use std::task::{Context, Poll};

use seawall_core::{Fault, Refusal};
use tower_service::Service;

use super::ChaosHandle;
use super::future::ResponseFuture;

/// Injects faults into calls. See the [module](super).
#[derive(Clone, Debug)]
pub struct Chaos<S> {
    inner: S,
    chaos: ChaosHandle,
}

impl<S> Chaos<S> {
    pub(super) const fn new(inner: S, chaos: ChaosHandle) -> Self {
        Self { inner, chaos }
    }

    crate::inner::accessors!(S);
}

impl<S, Req> Service<Req> for Chaos<S>
where
    S: Service<Req> + Clone,
    S::Error: From<Refusal>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let injection = self.chaos.draw();
        if matches!(injection.fault, Some(Fault::Error(_) | Fault::Hang)) {
            // The call is not made: gives back what was reserved for it.
            self.inner = self.inner.clone();
        }
        match injection.fault {
            None => ResponseFuture::calling(self.inner.call(request), injection.latency, None),
            Some(Fault::Loss) => {
                let lost = Some(self.chaos.clone());
                ResponseFuture::calling(self.inner.call(request), injection.latency, lost)
            }
            Some(Fault::Error(kind)) => {
                ResponseFuture::answered(Err(self.chaos.error(kind).into()), injection.latency)
            }
            Some(Fault::Hang) => ResponseFuture::hanging(),
        }
    }
}
