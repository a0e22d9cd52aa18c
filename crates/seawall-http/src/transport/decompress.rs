use std::convert::Infallible;
use std::future::ready;

use futures_util::FutureExt as _;
use http::header::CONTENT_ENCODING;
use http::{Request, Response};
use hyper::body::Incoming;
use tower::{Service, service_fn};
use tower_http::decompression::Decompression;

use crate::Body;

/// What [`decompressed`] undoes, as a request asks for it.
pub(super) const CODINGS: &str = "zstd,gzip,deflate,br";

/// The answer with its content coding undone, if it names one.
pub(super) fn decompressed(response: Response<Incoming>) -> Response<Body> {
    if !response.headers().contains_key(CONTENT_ENCODING) {
        return response.map(Body::received);
    }
    // The codings are to be had as a service around the one that answers. Most answers have none, and go without it.
    let mut answer = Some(response);
    let answers = service_fn(move |_: Request<()>| {
        ready(Ok::<_, Infallible>(answer.take().expect("it is called once, below")))
    });
    let undone = Decompression::new(answers).call(Request::new(())).now_or_never();
    let Ok(response) = undone.expect("the answer is there already");
    response.map(Body::carried)
}
