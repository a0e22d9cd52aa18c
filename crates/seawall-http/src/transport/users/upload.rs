use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use seawall_core::Error;

use crate::Body;

pub(super) fn into_reqwest(body: Body) -> reqwest::Body {
    match body.as_bytes() {
        Some(bytes) => bytes.clone().into(),
        None => reqwest::Body::wrap(Upload(Mutex::new(body))),
    }
}

/// A request's body for many threads to look at, as reqwest asks for, though only one does at a time.
struct Upload(Mutex<Body>);

impl Upload {
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
        // Not locked, because it is ours alone.
        let body = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.look(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.look(http_body::Body::size_hint)
    }
}
