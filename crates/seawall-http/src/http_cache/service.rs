use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use seawall_core::{BoxError, Error};
use tower::Service;

use super::HttpCacheHandle;
use super::cache_status::{CacheStatus, Forward};
use super::fetch::make;
use super::future::ResponseFuture;
use super::invalidation::Invalidation;
use super::rules::asks_the_cache;
use super::seeker::{Seeker, Sought};
use super::shared::Shared;
use crate::Body;

/// Answers from what is stored. See the [module](super).
#[derive(Clone, Debug)]
pub struct HttpCache<S> {
    inner: S,
    handle: HttpCacheHandle,
}

impl<S> HttpCache<S> {
    pub(super) const fn new(inner: S, handle: HttpCacheHandle) -> Self {
        Self { inner, handle }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the inner service out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S> Service<Request<Body>> for HttpCache<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError> + From<Error> + Send,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Error>;

    /// Always ready: a hit needs nothing of the inner service.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    /// # Panics
    /// Outside a tokio runtime, when there is something to fetch.
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (inner, shared) = (self.inner.clone(), Arc::clone(self.handle.shared()));
        if !asks_the_cache(&request) {
            let safe = request.method().is_safe();
            let why = if safe { Forward::Bypass } else { Forward::Method };
            return ResponseFuture::new(pass(shared, inner, request, why));
        }
        ResponseFuture::new(async move {
            let (head, body) = request.into_parts();
            let seeker = Seeker::new(inner, Arc::clone(&shared), Request::from_parts(head, ()));
            match seeker.seek().await? {
                Sought::Answer(response) => Ok(response),
                Sought::ForTheOrigin(inner, request) => {
                    pass(shared, inner, request.map(|()| body), Forward::Bypass).await
                }
            }
        })
    }
}

/// Hands a request to the origin as it is, and invalidates what it may change.
async fn pass<S>(
    shared: Arc<Shared>,
    inner: S,
    request: Request<Body>,
    why: Forward,
) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    let invalidation = Invalidation::of(&shared, request.method(), request.uri());
    let mut answer = make(inner, request).await;
    invalidation.answered(answer.as_ref());
    if let Ok(response) = &mut answer {
        CacheStatus::forwarded(why).status(response.status()).write(response.headers_mut());
    }
    answer
}
