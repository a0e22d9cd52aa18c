mod foreign;
mod read;
#[cfg(test)]
mod tests;
mod time_limit;

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, TryStream, TryStreamExt};
use http_body::{Frame, SizeHint};
use http_body_util::StreamBody;
use seawall_core::{BoxError, Error};

use foreign::Foreign;
use time_limit::TimeLimit;

/// The body of a request or a response: bytes that can be sent again, or a stream that is sent once.
///
/// It is an [`http_body::Body`] and a [`Stream`] of `Result<Bytes, Error>` (which leaves trailers out). Read it whole,
/// within a limit, with [`collect`](Self::collect), [`text`](Self::text) or [`json`](Self::json).
/// After an error it is over, and its connection is closed. Dropping it half-read is safe.
///
/// ```
/// use seawall_http::Body;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
/// assert!(Body::from("hello").is_replayable());
///
/// let chunks = ["hel", "lo"].map(|chunk| Ok::<_, std::io::Error>(chunk.into()));
/// let stream = Body::from_stream(futures_util::stream::iter(chunks));
/// assert!(!stream.is_replayable());
/// assert_eq!(stream.text(1024).await?, "hello");
/// # Ok(()) }
/// ```
pub struct Body {
    content: Content,
    /// What the body belongs to, for errors.
    name: Cow<'static, str>,
    time: TimeLimit,
}

enum Content {
    Whole(Bytes),
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Error> + Send>>),
}

impl Body {
    /// No bytes at all.
    pub const fn empty() -> Self {
        Self::whole(Bytes::new())
    }

    /// Any other body, sent once. A `Body` comes back as it is.
    #[expect(clippy::missing_panics_doc, reason = "the slot is full until it is taken, and then we are gone")]
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut slot = Some(body);
        if let Some(ours) = (&mut slot as &mut dyn std::any::Any).downcast_mut::<Option<Self>>() {
            return ours.take().expect("the slot is full until it is taken");
        }
        let body = slot.expect("nobody took it");
        Self::streamed(Foreign { body })
    }

    /// A stream of chunks, sent once: a call with it is never repeated.
    ///
    /// Sent in chunks unless the request has a `Content-Length`.
    pub fn from_stream<S>(stream: S) -> Self
    where
        S: TryStream<Ok = Bytes> + Send + 'static,
        S::Error: Into<BoxError>,
    {
        Self::streamed(StreamBody::new(
            stream
                .map_ok(Frame::data)
                .map_err(|error| Error::from_boxed(error.into(), "http", "request body")),
        ))
    }

    /// Whether it can be sent again: whether it is bytes.
    pub const fn is_replayable(&self) -> bool {
        matches!(self.content, Content::Whole(_))
    }

    /// A copy, if it is bytes (which are shared, not copied).
    pub fn try_clone(&self) -> Option<Self> {
        self.as_bytes().map(|bytes| Self::whole(bytes.clone()))
    }

    /// The bytes, if it is bytes.
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Whole(bytes) => Some(bytes),
            Content::Stream(_) => None,
        }
    }

    const fn whole(bytes: Bytes) -> Self {
        Self { content: Content::Whole(bytes), name: Cow::Borrowed("body"), time: TimeLimit::none() }
    }

    pub(crate) fn streamed(body: impl http_body::Body<Data = Bytes, Error = Error> + Send + 'static) -> Self {
        Self { content: Content::Stream(Box::pin(body)), ..Self::empty() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Says which call the body answers, and until when that call makes sense.
    pub(crate) fn of_call(mut self, name: String, deadline: Option<Instant>) -> Self {
        self.name = Cow::Owned(name);
        self.time.bring_forward(deadline);
        self
    }

    /// Cuts the body when nothing arrives for `idle`, or at `deadline`.
    pub(crate) fn within(mut self, idle: Option<Duration>, deadline: Option<Instant>) -> Self {
        self.time = TimeLimit::new(idle, deadline);
        self
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // What is dropped here closes the connection: there is nothing more to be had from it.
        self.content = Content::Whole(Bytes::new());
        Poll::Ready(Some(Err(error)))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let stream = match &mut this.content {
            Content::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Content::Whole(bytes) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Stream(stream) => stream,
        };
        // Before the stream: one that always has a chunk ready must not outlive its deadline either.
        if let Some(late) = this.time.passed() {
            let error = late.error(this.name.clone());
            return this.fail(error);
        }
        match stream.as_mut().poll_frame(cx) {
            Poll::Ready(Some(Err(error))) => this.fail(error),
            Poll::Ready(frame) => {
                this.time.arrived();
                Poll::Ready(frame)
            }
            Poll::Pending => {
                let late = ready!(this.time.poll_late(cx));
                let error = late.error(this.name.clone());
                this.fail(error)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(stream) => stream.size_hint(),
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            match ready!(http_body::Body::poll_frame(self.as_mut(), cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    /// Never the content, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Whole(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Content::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}

macro_rules! from_bytes {
    ($($source:ty),+) => {$(
        impl From<$source> for Body {
            fn from(bytes: $source) -> Self {
                Self::whole(Bytes::from(bytes))
            }
        }
    )+};
}

from_bytes!(Bytes, Vec<u8>, String, &'static str, &'static [u8]);

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}
