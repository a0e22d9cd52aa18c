mod answer;
mod content;
mod foreign;
mod measured;
mod read;
mod replayable;
#[cfg(test)]
mod tests;
mod time_limit;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, TryStream, TryStreamExt};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use http_body_util::StreamBody;
use seawall_core::{BoxError, Error};

use answer::Answer;
pub(crate) use answer::too_large;
use content::{Content, Recipe};
use foreign::Foreign;
use measured::Measured;
pub(crate) use replayable::Replayable;

/// The body of a request or a response: bytes that can be sent again, a stream that can be made again, or a stream that
/// is sent once.
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
/// let chunks = || futures_util::stream::iter(["hel", "lo"].map(|chunk| Ok::<_, std::io::Error>(chunk.into())));
/// assert!(!Body::from_stream(chunks()).is_replayable());
/// assert!(Body::from_fn(chunks).is_replayable());
/// assert_eq!(Body::from_stream(chunks()).text(1024).await?, "hello");
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Body {
    content: Content,
    trailers: Option<Box<HeaderMap>>,
    /// Whether it is sent once though it could be sent again.
    once: bool,
    /// What only a response's has. In a box, because a body is moved through many hands.
    answer: Option<Box<Answer>>,
}

impl Body {
    /// No bytes at all.
    pub const fn empty() -> Self {
        Self::of(Content::Whole(Bytes::new()))
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
        Self::of(Content::stream(Foreign { body }))
    }

    /// A stream of chunks, sent once: a call with it is never repeated, and one that fails says so.
    ///
    /// Sent in chunks, unless its length is [said](Self::with_length) or the request has a `Content-Length`.
    pub fn from_stream<S>(stream: S) -> Self
    where
        S: TryStream<Ok = Bytes> + Send + 'static,
        S::Error: Into<BoxError>,
    {
        Self::of(Content::stream(StreamBody::new(
            stream
                .map_ok(Frame::data)
                .map_err(|error| Error::from_boxed(error.into(), "http", "request body")),
        )))
    }

    /// A stream that can be made again, so that a call with it may be repeated: `make` is asked for each attempt, when
    /// the attempt begins to send, and must give the same bytes each time.
    pub fn from_fn<S>(make: impl Fn() -> S + Send + Sync + 'static) -> Self
    where
        S: TryStream<Ok = Bytes> + Send + 'static,
        S::Error: Into<BoxError>,
    {
        Self::made(move || Self::from_stream(make()))
    }

    /// Says how many bytes a stream has, which are then sent with a `Content-Length` and not in chunks. A stream that
    /// turns out to be shorter or longer fails. Bytes know their own length and ignore it.
    pub fn with_length(mut self, length: u64) -> Self {
        self.content = match self.content {
            Content::Whole(bytes) => Content::Whole(bytes),
            Content::Made(recipe) => Content::Made(recipe.with_length(length)),
            stream => Content::stream(Measured::new(Self::of(stream), length)),
        };
        self
    }

    /// Sends it once, even if it could be sent again: a call with it is not repeated.
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Whether a call with it can be repeated: whether it is bytes, or made by [`from_fn`](Self::from_fn).
    pub const fn is_replayable(&self) -> bool {
        !self.once && matches!(self.content, Content::Whole(_) | Content::Made(_))
    }

    /// A copy to send again, if there can be one. Bytes are shared, not copied.
    pub fn try_clone(&self) -> Option<Self> {
        if self.once {
            return None;
        }
        self.content.try_clone().map(|content| Self { trailers: self.trailers.clone(), ..Self::of(content) })
    }

    /// The bytes, if it is bytes: of a request made of bytes, or of a response that was
    /// [collected](crate::RequestBuilder::collect).
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Whole(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The trailers of a body that was [collected](crate::RequestBuilder::collect); those of one that streams are its
    /// last frame, as of every [`http_body::Body`].
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }

    pub(crate) fn made(make: impl Fn() -> Self + Send + Sync + 'static) -> Self {
        Self::of(Content::Made(Recipe::new(Arc::new(make))))
    }

    const fn of(content: Content) -> Self {
        Self { content, trailers: None, once: false, answer: None }
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // What is dropped here closes the connection: there is nothing more to be had from it.
        self.content = Content::default();
        self.trailers = None;
        self.end();
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
        if let Content::Whole(bytes) = &mut this.content {
            let data = (!bytes.is_empty()).then(|| Frame::data(std::mem::take(bytes)));
            let frame = data.or_else(|| this.trailers.take().map(|trailers| Frame::trailers(*trailers)));
            return Poll::Ready(frame.map(Ok));
        }
        // Before the stream: one that always has a chunk ready must not outlive its deadline either.
        if let Some(error) = this.answer.as_ref().and_then(|answer| answer.late()) {
            return this.fail(error);
        }
        match this.content.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(answer) = &mut this.answer {
                    if let Err(error) = answer.arrived(&frame) {
                        return this.fail(error);
                    }
                    if this.content.has_at_most(0) {
                        answer.release();
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(broken))) => {
                let error = broken.error(|| this.name());
                this.fail(error)
            }
            Poll::Ready(None) => {
                this.end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let Some(answer) = &mut this.answer else { return Poll::Pending };
                let error = ready!(answer.poll_late(cx));
                this.fail(error)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
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

impl fmt::Debug for Body {
    /// Never the content, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Whole(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Content::Answer(_) | Content::Carried(_) | Content::Stream(_) | Content::Made(_) => {
                f.write_str("Body(stream)")
            }
        }
    }
}

macro_rules! from_bytes {
    ($($source:ty),+) => {$(
        impl From<$source> for Body {
            fn from(bytes: $source) -> Self {
                Self::of(Content::Whole(Bytes::from(bytes)))
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
