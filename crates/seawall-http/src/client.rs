use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Method, Request, Response};
use seawall_core::{BoxError, CallContext, Error, FailureKind, InvalidConfig, Observer};
use seawall_tower::{CircuitBreakerHandle, Pipeline, TargetStatus};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::transport::{self, Transport};
use crate::{Body, HttpBackend, HttpConfig, RequestBuilder, target};

/// An HTTP client: a name for one tower service from `http::Request<Body>` to `http::Response<Body>`.
///
/// [`new`](Self::new) makes it of a `reqwest::Client` behind a [`Pipeline`]: deadline, retry with a budget, and for
/// each `scheme://host:port` a circuit breaker and an attempt time-out. Clones share connections and all that state.
///
/// It has two doors for middleware of your own: [`layer`](Self::layer) puts any tower layer around it, and
/// [`from_service`](Self::from_service) makes one of any stack.
///
/// Every future it makes is cancel safe for the client: dropped, it closes or gives back its connection, and the
/// circuit breaker learns that the call was abandoned. Whether the server carried it out is then unknown.
#[derive(Clone)]
pub struct Http {
    service: BoxCloneSyncService<Request<Body>, Response<Body>, Error>,
    /// What [`Http::new`] built and hands out; a stack of the user's own has none.
    standard: Option<Standard>,
}

#[derive(Clone)]
struct Standard {
    client: reqwest::Client,
    pipeline: Pipeline<HttpBackend>,
}

impl Http {
    /// A client with the standard pipeline, which tells `observer` what it does (`Arc::new(())` listens to nothing).
    ///
    /// # Errors
    ///
    /// [`Permanent`](FailureKind::Permanent) if the configuration makes no sense, or the system has no usable
    /// certificates.
    pub fn new(config: &HttpConfig, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        check(config)?;
        Self::assemble(transport::client(config)?, config, observer)
    }

    /// The same pipeline around a client of your own (certificates, proxies, DNS). Of the configuration only
    /// `read_timeout` and `pipeline` are used.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn from_reqwest(
        client: reqwest::Client,
        config: &HttpConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        check(config)?;
        Self::assemble(client, config, observer)
    }

    fn assemble(
        client: reqwest::Client,
        config: &HttpConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let pipeline =
            Pipeline::new("http", &config.pipeline, HttpBackend, observer).map_err(misconfigured)?;
        let standard = Standard { client, pipeline };
        let read_timeout = config.read_timeout;
        let of_calls = standard.clone();
        let service = service_fn(move |request| of_calls.clone().exchange(request, read_timeout));
        Ok(Self { standard: Some(standard), ..Self::from_service(service) })
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
        let service = service
            .map_response(|response: Response<B>| response.map(Body::new))
            .map_err(|error: S::Error| Error::from_boxed(error.into(), "http", "middleware"));
        Self { service: BoxCloneSyncService::new(service), standard: None }
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
        let standard = self.standard.clone();
        Self { standard, ..Self::from_service(layer.layer(self)) }
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

    /// Begins a request to an absolute `http` or `https` URL. What is wrong with it, `send` says.
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, url.as_ref())
    }

    /// Makes a call, all retries included, and returns once the response's headers are there.
    ///
    /// Every response is `Ok`, a 4xx and a last 5xx too: see
    /// [`error_for_status`](crate::ResponseExt::error_for_status).
    /// The deadline of the current [`CallContext`] cuts the call, any layer around the client included, and then the
    /// reading of the response's body. User and password in the URL are sent as Basic credentials.
    ///
    /// # Errors
    ///
    /// [`Transient`](FailureKind::Transient) without a connection or when it broke, [`Timeout`](FailureKind::Timeout),
    /// [`Refused`](FailureKind::Refused) by an open circuit, [`Permanent`](FailureKind::Permanent) for a request that
    /// cannot be sent.
    ///
    /// Cancel safe for the client; whether the server carried out a dropped call is unknown.
    pub async fn call(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        let name = target::describe(request.method(), request.uri());
        let deadline = CallContext::current_deadline();
        let answer = self.clone().oneshot(request);
        let answer = match deadline {
            None => answer.await,
            // The pipeline keeps the deadline too; this is for what the user put around it.
            Some(deadline) => {
                tokio::time::timeout_at(deadline.into(), answer).await.unwrap_or_else(|_elapsed| {
                    Err(Error::new(FailureKind::Timeout, "http", name.clone())
                        .with_message("the deadline of the call passed"))
                })
            }
        };
        Ok(answer?.map(|body| body.of_call(name, deadline)))
    }

    /// The client that carries the calls, for what Seawall does not cover: it knows no policies.
    /// `None` in a client made by [`from_service`](Self::from_service).
    pub fn reqwest(&self) -> Option<&reqwest::Client> {
        self.standard.as_ref().map(|standard| &standard.client)
    }

    /// The standard pipeline, to look at its targets or to switch them. `None` in a client made by
    /// [`from_service`](Self::from_service).
    pub fn pipeline(&self) -> Option<&Pipeline<HttpBackend>> {
        self.standard.as_ref().map(|standard| &standard.pipeline)
    }

    /// The state of the policies of each `scheme://host:port` called lately; empty in a client made by
    /// [`from_service`](Self::from_service).
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.standard.as_ref().map(|standard| standard.pipeline.targets()).unwrap_or_default()
    }

    /// The switch of the circuit breaker of `target`, spelled as [`targets`](Self::targets) does
    /// (`https://example.com:443`). `None` in a client made by [`from_service`](Self::from_service).
    pub fn breaker(&self, target: &str) -> Option<CircuitBreakerHandle> {
        self.standard.as_ref().map(|standard| standard.pipeline.breaker(target))
    }
}

fn check(config: &HttpConfig) -> Result<(), Error> {
    config.validate().map_err(misconfigured)
}

fn misconfigured(invalid: InvalidConfig) -> Error {
    Error::new(FailureKind::Permanent, "http", "client")
        .not_executed()
        .with_message("the configuration cannot work")
        .with_source(invalid)
}

impl Standard {
    async fn exchange(
        self,
        request: Request<Body>,
        read_timeout: Option<Duration>,
    ) -> Result<Response<Body>, Error> {
        let target = target::key(request.method(), request.uri())?;
        let call = self.pipeline.layer(&target).layer(Transport::new(self.client));
        let response = call.oneshot(request).await?;
        // The caller's deadline, not the pipeline's own: a long download is no late one.
        let deadline = CallContext::current_deadline();
        Ok(response.map(|body| body.within(read_timeout, deadline)))
    }
}

impl Service<Request<Body>> for Http {
    type Response = Response<Body>;
    type Error = Error;
    type Future =
        <BoxCloneSyncService<Request<Body>, Response<Body>, Error> as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        target::move_credentials_to_header(&mut request);
        self.service.call(request)
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
