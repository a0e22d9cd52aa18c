use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use seawall_core::{BoxError, Error, Name};

use super::Body;
use super::measured::Measured;
use crate::failure;

/// What a body is made of.
pub(super) enum Content {
    Whole(Bytes),
    /// What a server answers, without a box around it.
    Answer(Incoming),
    /// The same, by way of what undoes its coding, or of another client.
    Carried(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError> + Send>>),
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Error> + Send>>),
    /// Made when it is read, each copy anew.
    Made(Recipe),
}

/// How a content broke off.
pub(super) enum Broken {
    Ours(Error),
    Answer(BoxError),
}

impl Content {
    pub(super) fn stream(body: impl http_body::Body<Data = Bytes, Error = Error> + Send + 'static) -> Self {
        Self::Stream(Box::pin(body))
    }

    pub(super) fn try_clone(&self) -> Option<Self> {
        match self {
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Made(recipe) => Some(Self::Made(recipe.clone())),
            Self::Answer(_) | Self::Carried(_) | Self::Stream(_) => None,
        }
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self {
            Self::Whole(bytes) => {
                let data = (!bytes.is_empty()).then(|| Ok(Frame::data(std::mem::take(bytes))));
                Poll::Ready(data)
            }
            Self::Answer(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(|error| Broken::Answer(error.into())))),
            Self::Carried(body) => {
                body.as_mut().poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Broken::Answer)))
            }
            Self::Stream(body) => {
                body.as_mut().poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Broken::Ours)))
            }
            Self::Made(recipe) => {
                *self = recipe.make();
                self.poll_frame(cx)
            }
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Answer(body) => body.is_end_stream(),
            Self::Carried(body) => body.is_end_stream(),
            Self::Stream(body) => body.is_end_stream(),
            Self::Made(recipe) => recipe.length == Some(0),
        }
    }

    /// Whether no more than `bytes` are to come, as far as anybody knows. (What decompresses does not tell of its end.)
    pub(super) fn has_at_most(&self, bytes: u64) -> bool {
        self.is_end_stream() || self.size_hint().exact().is_some_and(|left| left <= bytes)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Answer(body) => body.size_hint(),
            Self::Carried(body) => body.size_hint(),
            Self::Stream(body) => body.size_hint(),
            Self::Made(recipe) => recipe.length.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl Broken {
    pub(super) fn error(self, name: impl FnOnce() -> Name) -> Error {
        match self {
            Self::Ours(error) => error,
            Self::Answer(error) => failure::of_response_body(error, name()),
        }
    }
}

/// How to make a content.
#[derive(Clone)]
pub(super) struct Recipe {
    make: Arc<dyn Fn() -> Body + Send + Sync>,
    length: Option<u64>,
}

impl Recipe {
    pub(super) const fn new(make: Arc<dyn Fn() -> Body + Send + Sync>) -> Self {
        Self { make, length: None }
    }

    pub(super) const fn with_length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    fn make(&self) -> Content {
        match ((self.make)(), self.length) {
            // A recipe of a recipe would never come to an end.
            (Body { content: made @ Content::Made(_), .. }, _) => Content::stream(Body::of(made)),
            (body, Some(length)) => Content::stream(Measured::new(body, length)),
            (body, None) => body.content,
        }
    }
}
