use std::future::{Future, Ready, ready};

/// What answers in place of a failure. Made by [`value`], [`function`], [`with_request`] and
/// [`service`](super::service), or your own, where a request cannot be cloned.
pub trait FallbackAction<Req, R, E> {
    /// What it needs of the request, kept while the call is under way.
    type Kept;

    /// The answer: a response, or the failure that the caller is left with.
    type Future: Future<Output = Result<R, E>>;

    /// Takes what it needs of the request, before the call. `None` leaves this call without a fallback.
    fn keep(&self, request: &Req) -> Option<Self::Kept>;

    /// Answers in place of `failed`: an error, or a response that is classified as a failure.
    fn answer(&self, kept: Self::Kept, failed: Result<R, E>) -> Self::Future;
}

/// Answers with a copy of `value`.
pub const fn value<R>(value: R) -> FallbackValue<R> {
    FallbackValue(value)
}

/// Answers with what `function` makes of the failure, which may be an error too.
///
/// ```
/// use seawall_core::Error;
/// use seawall_tower::fallback;
///
/// let patient = fallback::function(|failed: Result<u32, Error>| match failed {
///     Err(error) if error.retry_after().is_some() => Ok(0),
///     failed => failed,
/// });
/// ```
pub const fn function<F>(function: F) -> FallbackFunction<F> {
    FallbackFunction(function)
}

/// Answers with what the asynchronous `function` makes of the request and the failure. The request is cloned before
/// each call.
pub const fn with_request<F>(function: F) -> FallbackWithRequest<F> {
    FallbackWithRequest(function)
}

/// Answers with a value. Made by [`value`].
#[derive(Clone, Copy, Debug)]
pub struct FallbackValue<R>(R);

impl<Req, R: Clone, E> FallbackAction<Req, R, E> for FallbackValue<R> {
    type Kept = ();
    type Future = Ready<Result<R, E>>;

    fn keep(&self, _: &Req) -> Option<()> {
        Some(())
    }

    fn answer(&self, (): (), _: Result<R, E>) -> Self::Future {
        ready(Ok(self.0.clone()))
    }
}

/// Answers with a function of the failure. Made by [`function`].
#[derive(Clone, Copy, Debug)]
pub struct FallbackFunction<F>(F);

impl<Req, R, E, F> FallbackAction<Req, R, E> for FallbackFunction<F>
where
    F: Fn(Result<R, E>) -> Result<R, E>,
{
    type Kept = ();
    type Future = Ready<Result<R, E>>;

    fn keep(&self, _: &Req) -> Option<()> {
        Some(())
    }

    fn answer(&self, (): (), failed: Result<R, E>) -> Self::Future {
        ready((self.0)(failed))
    }
}

/// Answers with an asynchronous function of request and failure. Made by [`with_request`].
#[derive(Clone, Copy, Debug)]
pub struct FallbackWithRequest<F>(F);

impl<Req, R, E, F, G> FallbackAction<Req, R, E> for FallbackWithRequest<F>
where
    Req: Clone,
    F: Fn(Req, Result<R, E>) -> G,
    G: Future<Output = Result<R, E>>,
{
    type Kept = Req;
    type Future = G;

    fn keep(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }

    fn answer(&self, request: Req, failed: Result<R, E>) -> G {
        (self.0)(request, failed)
    }
}
