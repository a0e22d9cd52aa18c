use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use seawall_core::{BoxError, CallContext, Error, FailureKind, InvalidConfig, Observer};
use seawall_tower::{CircuitBreakerHandle, Pipeline, TargetStatus};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

use crate::builder::{self, Connected};
use crate::cookies::Cookies;
use crate::http_cache::{HttpCacheHandle, HttpCacheLayer};
use crate::outgoing::Outgoing;
use crate::stack::Stack;
use crate::target::{self, CallName};
use crate::{Body, HttpBackend, HttpConfig, RequestBuilder};

/// An HTTP client: a name for one tower service from `http::Request<Body>` to `http::Response<Body>`.
///
/// [`new`](Self::new) makes it of hyper's client behind a [`Pipeline`]: deadline, retry with a budget, and for
/// each `scheme://host:port` a circuit breaker and an attempt time-out. Clones share connections and all that state.
///
/// It has two doors for middleware of your own: [`layer`](Self::layer) puts any tower layer around it, and
/// [`from_service`](Self::from_service) makes one of any stack.
///
/// Every future it makes is cancel safe for the client: dropped, it closes or gives back its connection, and the
/// circuit breaker learns that the call was abandoned. Whether the server carried it out is then unknown.
#[derive(Clone)]
pub struct Http(Kind);

#[derive(Clone)]
enum Kind {
    /// What [`Http::new`] puts together.
    Standard(Arc<Stack>),
    /// A stack of the user's own, or layers of theirs around the standard one.
    Custom { service: Erased, around: Option<Arc<Stack>> },
}

type Erased = BoxCloneSyncService<Request<Body>, Response<Body>, Error>;

impl Http {
    /// A client with the standard pipeline, which tells `observer` what it does (`Arc::new(())` listens to nothing).
    ///
    /// # Errors
    ///
    /// [`Permanent`](FailureKind::Permanent) if the configuration makes no sense, or the system has no usable
    /// certificates.
    pub fn new(config: &HttpConfig, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        check(config)?;
        Self::around(builder::client(config)?, config, observer)
    }

    /// The same around a client of your own, which costs a call more than hyper's does. Of the configuration all is used but what says how to connect, which is the
    /// client's: `user_agent`, `http_version`, `https_only`, `connect_timeout`, `pool_*`, `http2_ping_interval`,
    /// `decompress`, `cookies`, `proxy` and `tls`. It should follow no redirects itself
    /// (`redirect(reqwest::redirect::Policy::none())`): those that it follows are seen by no guard and no policy.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and [`Permanent`](FailureKind::Permanent) with `guards.refuse_private_addresses`, which a
    /// client that looks names up in its own way cannot keep.
    pub fn from_reqwest(
        client: reqwest::Client,
        config: &HttpConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        check(config)?;
        if config.guards.refuse_private_addresses {
            let rule = "needs a client made by Http::new, which looks at the addresses it dials";
            return Err(misconfigured(InvalidConfig::new("guards.refuse_private_addresses", true, rule)));
        }
        Self::around(Connected::of_the_user(client), config, observer)
    }

    fn around(client: Connected, config: &HttpConfig, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let stack = Arc::new(Stack::new(client, config, observer)?);
        let cache = stack.cache().cloned();
        let http = Self(Kind::Standard(stack));
        Ok(match cache {
            Some(cache) => http.layer(HttpCacheLayer::new(cache)),
            None => http,
        })
    }

    /// A client of any stack: a test double, another transport, your own order of layers.
    ///
    /// Errors that are not Seawall's become [`Permanent`](FailureKind::Permanent) ones with the stranger as source.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use seawall_http::{Body, Http};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
    /// let echo = tower::service_fn(async |request: Request<Body>| {
    ///     Ok::<_, std::io::Error>(Response::new(request.into_body()))
    /// });
    /// let http = Http::from_service(echo);
    /// let response = http.post("https://example.com/").body("hello").send().await?;
    /// assert_eq!(response.into_body().text(1024).await?, "hello");
    /// # Ok(()) }
    /// ```
    pub fn from_service<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::custom(service, None)
    }

    fn custom<S, B>(service: S, around: Option<Arc<Stack>>) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let service = service
            .map_response(|response: Response<B>| response.map(Body::new))
            .map_err(|error: S::Error| Error::from_boxed(error.into(), "http", "middleware"));
        Self(Kind::Custom { service: BoxCloneSyncService::new(service), around })
    }

    /// Puts a tower layer around the client: it sees a call once, however often the pipeline tries it.
    ///
    /// The first layer put around is the innermost. Layers that change the response's body fit too.
    pub fn layer<L, B>(self, layer: L) -> Self
    where
        L: Layer<Self>,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Body>>>::Future: Send + 'static,
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let around = self.standard().cloned();
        Self::custom(layer.layer(self), around)
    }

    /// Begins a GET.
    pub fn get(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Begins a HEAD.
    pub fn head(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Begins a POST, which is not repeated once it may have been executed; see
    /// [`idempotent`](RequestBuilder::idempotent).
    pub fn post(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// Begins a PUT.
    pub fn put(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Begins a DELETE.
    pub fn delete(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Begins a PATCH, which is not repeated once it may have been executed; see
    /// [`idempotent`](RequestBuilder::idempotent).
    pub fn patch(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// Begins an OPTIONS.
    pub fn options(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::OPTIONS, url)
    }

    /// Begins a TRACE.
    pub fn trace(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::TRACE, url)
    }

    /// Begins a request of any method (but CONNECT, which asks for no response) to an absolute `http` or `https` URL. What is wrong with it, `send` says.
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, url.as_ref())
    }

    /// Makes a call, all retries included, and returns once the response's headers are there.
    ///
    /// Every response is `Ok`, a 4xx and a last 5xx too: see
    /// [`error_for_status`](crate::ResponseExt::error_for_status). Redirects are followed up to
    /// [`max_redirects`](HttpConfig::max_redirects), each as a call of its own to its own authority, with its circuit and
    /// its retries; the guards hold for each, and credentials end at the first other origin.
    /// The deadline of the current [`CallContext`] cuts the call, any layer around the client included, and then the
    /// reading of the response's body. User and password in the URL are sent as Basic credentials.
    ///
    /// # Errors
    ///
    /// [`Transient`](FailureKind::Transient) without a connection or when it broke, [`Timeout`](FailureKind::Timeout),
    /// [`Refused`](FailureKind::Refused) by an open circuit, [`Permanent`](FailureKind::Permanent) for a request that
    /// cannot be sent, [`Refused`](FailureKind::Refused) too by a guard, or when no connection came free in time.
    ///
    /// Cancel safe for the client; whether the server carried out a dropped call is unknown.
    pub async fn call(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        self.send(prepared(request).into()).await
    }

    pub(crate) async fn send(&self, request: Outgoing) -> Result<Response<Body>, Error> {
        match &self.0 {
            // In a box, so that the futures of those who call stay small.
            Kind::Standard(stack) => Box::pin(stack.call(request)).await,
            Kind::Custom { service, .. } => call_custom(service.clone(), request.into()).await,
        }
    }

    /// The client that [`from_reqwest`](Self::from_reqwest) was given, for what Seawall does not cover: it knows no policies.
    /// `None` in any other client.
    pub fn reqwest(&self) -> Option<&reqwest::Client> {
        self.standard().and_then(|stack| stack.reqwest())
    }

    /// The cookies that the client keeps, if it was told to ([`HttpConfig::cookies`]).
    pub fn cookies(&self) -> Option<&Cookies> {
        self.standard().and_then(|stack| stack.cookies())
    }

    /// The standard pipeline, to look at its targets or to switch them. `None` in a client made by
    /// [`from_service`](Self::from_service).
    pub fn pipeline(&self) -> Option<&Pipeline<HttpBackend>> {
        self.standard().map(|stack| stack.pipeline())
    }

    /// The state of the policies of each `scheme://host:port` called lately; empty in a client made by
    /// [`from_service`](Self::from_service).
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.pipeline().map(Pipeline::targets).unwrap_or_default()
    }

    /// The switch of the circuit breaker of `target`, spelled as [`targets`](Self::targets) does
    /// (`https://example.com:443`). `None` in a client made by [`from_service`](Self::from_service).
    pub fn breaker(&self, target: &str) -> Option<CircuitBreakerHandle> {
        self.pipeline().map(|pipeline| pipeline.breaker(target))
    }

    /// The cache in front of the standard pipeline, to look at it, to invalidate, or to change its rules. `None` unless
    /// [`HttpConfig::cache`] turned it on.
    pub fn cache(&self) -> Option<&HttpCacheHandle> {
        self.standard().and_then(|stack| stack.cache())
    }

    pub(crate) fn standard(&self) -> Option<&Arc<Stack>> {
        match &self.0 {
            Kind::Standard(stack) => Some(stack),
            Kind::Custom { around, .. } => around.as_ref(),
        }
    }
}

fn check(config: &HttpConfig) -> Result<(), Error> {
    config.validate().map_err(misconfigured)
}

pub(crate) fn misconfigured(invalid: InvalidConfig) -> Error {
    Error::new(FailureKind::Permanent, "http", "client")
        .not_executed()
        .with_message("the configuration cannot work")
        .with_source(invalid)
}

/// User and password leave the URL before anybody sees it.
fn prepared(mut request: Request<Body>) -> Request<Body> {
    target::move_credentials_to_header(&mut request);
    request
}

async fn call_custom(service: Erased, request: Request<Body>) -> Result<Response<Body>, Error> {
    let name = CallName::of(&request);
    let deadline = CallContext::current_deadline();
    let answer = service.oneshot(request);
    let answer = match deadline {
        None => answer.await,
        // The pipeline keeps the deadline too; this is for what the user put around it.
        Some(deadline) => tokio::time::timeout_at(deadline.into(), answer).await.unwrap_or_else(|_elapsed| {
            Err(Error::new(FailureKind::Timeout, "http", &name)
                .with_message("the deadline of the call passed"))
        }),
    };
    Ok(answer?.map(|body| body.of_call(name).until(deadline)))
}

impl Service<Request<Body>> for Http {
    type Response = Response<Body>;
    type Error = Error;
    type Future = <Erased as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.0 {
            // Each call waits for its own turn.
            Kind::Standard(_) => Poll::Ready(Ok(())),
            Kind::Custom { service, .. } => service.poll_ready(cx),
        }
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let request = prepared(request);
        match &mut self.0 {
            Kind::Standard(stack) => {
                let stack = Arc::clone(stack);
                Box::pin(async move { stack.call(request.into()).await })
            }
            Kind::Custom { service, .. } => service.call(request),
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("targets", &self.targets()).finish_non_exhaustive()
    }
}

// Checked where it is decided: users hold a client in shared state and call it from many tasks.
const _: fn() = || {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn sendable(_: impl Future + Send) {}
    shared::<Http>();
    let _ = |http: &Http| sendable(http.call(Request::new(Body::empty())));
};
