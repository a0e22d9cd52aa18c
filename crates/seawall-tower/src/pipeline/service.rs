use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::{ByKind, Classify, Refusal};
use tower_service::Service;

use super::future::ResponseFuture;
use super::target::Target;
use super::{AttemptService, CallService, FailedPassage};
use crate::Replay;

/// A service inside of the stack of one target. See the [module](super).
#[derive(Clone, Debug)]
pub struct PipelineService<S, C = ByKind> {
    calls: CallService<AttemptService<S, C>, C>,
}

impl<S, C: Clone> PipelineService<S, C> {
    pub(super) fn new(inner: S, target: Arc<Target<C>>) -> Self {
        let attempts = AttemptService::new(inner, &target);
        Self { calls: CallService::around_attempts(attempts, target) }
    }
}

impl<S, C> PipelineService<S, C> {
    /// The service inside of the stack.
    pub const fn get_ref(&self) -> &S {
        self.calls.get_ref().get_ref()
    }

    /// The service inside of the stack, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        self.calls.get_mut().get_mut()
    }

    /// Takes the service out of the stack.
    pub fn into_inner(self) -> S {
        self.calls.into_inner().into_inner()
    }
}

impl<S, C> PipelineService<S, C> {
    /// Goes on with a call whose first attempt was made past the layers, and failed with this error: as if it had come
    /// through them.
    pub fn resume<Req>(
        &mut self,
        request: Req,
        error: S::Error,
        failed: FailedPassage,
    ) -> ResponseFuture<AttemptService<S, C>, Req, C>
    where
        S: Service<Req> + Clone,
        S::Error: From<Refusal>,
        C: Classify<S::Response, S::Error> + Replay<Req> + Clone,
    {
        self.calls.resume(request, error, failed)
    }
}

impl<S, C, Req> Service<Req> for PipelineService<S, C>
where
    S: Service<Req> + Clone,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error> + Replay<Req> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<AttemptService<S, C>, Req, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.calls.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        self.calls.call(request)
    }
}
