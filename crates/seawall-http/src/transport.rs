//! The innermost service: one attempt over a `reqwest::Client`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use seawall_core::{Error, FailureKind, Name};
use tower::Service;

use crate::config::{HttpConfig, HttpVersion};
use crate::target::CallName;
use crate::{Body, failure};

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

/// One attempt over a `reqwest::Client`.
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
    type Future = Attempt;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Attempt {
        let name = CallName::of(&request);
        let streamed = !request.body().is_replayable();
        match reqwest::Request::try_from(request.map(into_reqwest)) {
            Ok(request) => {
                let pending = Service::call(&mut self.client, request);
                Attempt { state: State::Sent { pending }, name, streamed }
            }
            Err(error) => Attempt { state: State::Invalid { error: Some(error) }, name, streamed },
        }
    }
}

pin_project! {
    /// The answer of one attempt, once its headers are there. Dropped, it closes its connection.
    pub(crate) struct Attempt {
        #[pin]
        state: State,
        name: CallName,
        streamed: bool,
    }
}

pin_project! {
    #[project = StateProj]
    enum State {
        Invalid { error: Option<reqwest::Error> },
        Sent { #[pin] pending: <reqwest::Client as Service<reqwest::Request>>::Future },
    }
}

impl Future for Attempt {
    type Output = Result<Response<Body>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = match this.state.project() {
            StateProj::Invalid { error } => Err(error.take().expect("it is polled no more once it is ready")),
            StateProj::Sent { pending } => ready!(pending.poll(cx)),
        };
        Poll::Ready(match answer {
            Ok(response) => {
                let redirected = !this.name.is_at(response.url());
                let mut response = Response::from(response).map(Body::of_answer);
                if redirected {
                    response.extensions_mut().insert(Redirected);
                }
                Ok(response)
            }
            Err(error) => Err(failure::of_request(error, Name::from(&*this.name), *this.streamed)),
        })
    }
}

fn into_reqwest(body: Body) -> reqwest::Body {
    match body.as_bytes() {
        Some(bytes) => bytes.clone().into(),
        None => reqwest::Body::wrap(Upload(Mutex::new(body))),
    }
}

/// A request's body for many threads to look at, as reqwest asks for, though only one does at a time.
struct Upload(Mutex<Body>);

impl Upload {
    fn body(&mut self) -> &mut Body {
        // Not locked, because it is ours alone.
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn look<T>(&self, look: impl FnOnce(&Body) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        http_body::Body::poll_frame(Pin::new(self.body()), cx)
    }

    fn is_end_stream(&self) -> bool {
        self.look(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.look(http_body::Body::size_hint)
    }
}

/// Marks a response as that of another URL, which redirects led to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redirected;
