use bytes::Bytes;
use http::HeaderMap;

use super::Body;
use super::content::{Content, Recipe};

/// A body that can be sent again, to make copies of from any thread.
#[derive(Default)]
pub(crate) struct Replayable {
    content: Again,
    trailers: Option<Box<HeaderMap>>,
}

enum Again {
    Whole(Bytes),
    Made(Recipe),
}

impl Body {
    /// The body to make copies of, or itself again if it is sent once.
    pub(crate) fn into_replayable(self) -> Result<Replayable, Self> {
        let Self { content, trailers, once, answer } = self;
        match content {
            Content::Whole(bytes) if !once => Ok(Replayable { content: Again::Whole(bytes), trailers }),
            Content::Made(recipe) if !once => Ok(Replayable { content: Again::Made(recipe), trailers }),
            content => Err(Self { content, trailers, once, answer }),
        }
    }
}

impl Replayable {
    pub(crate) fn body(&self) -> Body {
        let content = match &self.content {
            Again::Whole(bytes) => Content::Whole(bytes.clone()),
            Again::Made(recipe) => Content::Made(recipe.clone()),
        };
        Body { trailers: self.trailers.clone(), ..Body::of(content) }
    }

    /// How many bytes it is, if it is bytes.
    pub(crate) const fn size(&self) -> Option<usize> {
        match &self.content {
            Again::Whole(bytes) => Some(bytes.len()),
            Again::Made(_) => None,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self.size(), Some(0)) && self.trailers.is_none()
    }
}

impl Default for Again {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}
