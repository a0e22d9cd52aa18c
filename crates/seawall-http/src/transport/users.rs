//! A client of the user's own.

mod upload;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, Uri};
use seawall_core::BoxError;
use tower::Service;

use crate::Body;
use crate::response::RedirectedTo;
use crate::target::CallName;

pub(super) fn send(
    client: &reqwest::Client,
    request: Request<Body>,
    call: &CallName,
) -> Result<Pending, BoxError> {
    let request = reqwest::Request::try_from(request.map(upload::into_reqwest)).map_err(nowhere)?;
    let mut client = client;
    Ok(Pending { answer: Box::pin(Service::call(&mut client, request)), call: call.clone() })
}

/// An answer that is to come.
pub(super) struct Pending {
    // reqwest's is large, and would be moved through every layer.
    answer: Pin<Box<<reqwest::Client as Service<reqwest::Request>>::Future>>,
    call: CallName,
}

impl Future for Pending {
    type Output = Result<Response<Body>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.answer.as_mut().poll(cx)).map_err(nowhere)?;
        let elsewhere = if self.call.is_at(response.url()) { None } else { Some(response.url().as_str()) };
        let elsewhere = elsewhere.and_then(|url| Uri::try_from(url).ok());
        let mut response = Response::from(response).map(|body| Body::carried(WithoutUrl(body)));
        if let Some(uri) = elsewhere {
            response.extensions_mut().insert(RedirectedTo(uri));
        }
        Poll::Ready(Ok(response))
    }
}

/// Its URL may hold secrets.
fn nowhere(error: reqwest::Error) -> BoxError {
    error.without_url().into()
}

/// A body whose errors have no URL.
struct WithoutUrl(reqwest::Body);

impl http_body::Body for WithoutUrl {
    type Data = bytes::Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(nowhere)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}
