use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use seawall_core::{Error, FailureKind};

use super::Body;

/// A body that was said to have so many bytes, held to it: what is sent must fit its `Content-Length`.
pub(super) struct Measured {
    body: Body,
    length: u64,
    left: u64,
}

impl Measured {
    pub(super) const fn new(body: Body, length: u64) -> Self {
        Self { body, length, left: length }
    }

    fn wrong(&self, how: &str) -> Error {
        let message = format!("the stream is {how} than the {} bytes that it was said to have", self.length);
        Error::new(FailureKind::Permanent, "http", "request body").with_message(message)
    }
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let size = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            None if self.left > 0 => return Poll::Ready(Some(Err(self.wrong("shorter")))),
            Some(Err(_)) | None => 0,
        };
        match self.left.checked_sub(size) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Some(Err(self.wrong("longer")))),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // What is too long must be seen to be.
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
