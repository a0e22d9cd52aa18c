use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::{ByKind, Classify};
use tower_service::Service;

use super::first::First;
use super::future::ResponseFuture;
use super::race::Race;
use super::settings::Settings;
use crate::Replay;
use crate::clock::WayIn;

/// Sends slow calls a second time. See the [module](super).
#[derive(Debug)]
pub struct Hedge<S, C = ByKind> {
    inner: S,
    settings: Arc<Settings<C>>,
}

impl<S, C> Hedge<S, C> {
    pub(crate) const fn new(inner: S, settings: Arc<Settings<C>>) -> Self {
        Self { inner, settings }
    }

    crate::inner::accessors!(S);
}

impl<S: Clone, C> Clone for Hedge<S, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.settings))
    }
}

impl<S, C, Req> Service<Req> for Hedge<S, C>
where
    S: Service<Req> + Clone,
    C: Classify<S::Response, S::Error> + Replay<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let way_in = WayIn::open();
        let delay = self.settings.handle.delay();
        let copy = delay.and_then(|_| self.settings.copy(&request));
        // Made before the inner future: a panic in the inner `call` counts as an end too.
        let first = First::new(Arc::clone(&self.settings), delay, way_in.place());
        let Some(copy) = copy else {
            return ResponseFuture::new(self.inner.call(request), Race::new(first, None));
        };
        // The instance that is ready goes with the call; the one left behind is not ready yet.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let attempt = inner.call(request);
        ResponseFuture::new(attempt, Race::new(first, Some((inner, copy))))
    }
}
