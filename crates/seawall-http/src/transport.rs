//! The innermost service: one attempt over a `reqwest::Client`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{CONTENT_LENGTH, Entry};
use http::{HeaderValue, Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt;
use seawall_core::{Error, FailureKind};
use tower::Service;

use crate::config::{HttpConfig, HttpVersion};
use crate::{Body, failure, target};

/// The `reqwest::Client` that a configuration describes.
pub(crate) fn client(config: &HttpConfig) -> Result<reqwest::Client, Error> {
    let redirects = match config.max_redirects {
        0 => reqwest::redirect::Policy::none(),
        max => reqwest::redirect::Policy::limited(max),
    };
    let builder = reqwest::Client::builder()
        .user_agent(&config.user_agent)
        .https_only(config.https_only)
        .connect_timeout(config.connect_timeout)
        .pool_max_idle_per_host(config.pool_max_idle_per_host)
        .pool_idle_timeout(config.pool_idle_timeout)
        .redirect(redirects)
        // A redirect would tell the next host the URL of the last one, query and all.
        .referer(false);
    let builder = match config.http_version {
        HttpVersion::Auto => builder,
        HttpVersion::Http1 => builder.http1_only(),
        HttpVersion::Http2 => builder.http2_prior_knowledge(),
    };
    builder.build().map_err(|error| {
        Error::new(FailureKind::Permanent, "http", "client")
            .not_executed()
            .with_message("the client cannot be made of this configuration")
            .with_source(failure::RootCause::new(error))
    })
}

#[derive(Clone, Debug)]
pub(crate) struct Transport {
    client: reqwest::Client,
}

impl Transport {
    pub(crate) const fn new(client: reqwest::Client) -> Self {
        Self { client }
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let client = self.client.clone();
        Box::pin(async move { attempt(&client, request).await })
    }
}

async fn attempt(client: &reqwest::Client, mut request: Request<Body>) -> Result<Response<Body>, Error> {
    let name = target::describe(request.method(), request.uri());
    let streamed = !request.body().is_replayable();
    // reqwest knows the size of bytes, but not of a stream that says how long it is.
    if streamed
        && let Some(size) = request.body().size_hint().exact()
        && let Entry::Vacant(entry) = request.headers_mut().entry(CONTENT_LENGTH)
    {
        entry.insert(HeaderValue::from(size));
    }
    let answer = match reqwest::Request::try_from(request.map(into_reqwest)) {
        Ok(request) => client.execute(request).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(response) => Ok(Response::from(response).map(|body| from_reqwest(body, name))),
        Err(error) => Err(failure::of_request(error, name, streamed)),
    }
}

fn into_reqwest(body: Body) -> reqwest::Body {
    match body.as_bytes() {
        Some(bytes) => bytes.clone().into(),
        None => reqwest::Body::wrap_stream(body),
    }
}

fn from_reqwest(body: reqwest::Body, name: String) -> Body {
    Body::streamed(body.map_err(move |error| failure::of_response_body(error, name.clone())))
}
