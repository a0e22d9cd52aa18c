use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use seawall_core::{Error, FailureKind};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::Body;

/// What is handed from the task that stores a body to the caller it was fetched for.
pub(super) enum Part {
    Chunk(Bytes),
    Trailers(HeaderMap),
    /// It is not going to be stored: the caller reads on alone.
    Rest(Box<Body>),
    Failed(Error),
    End,
}

/// The two ends of a passage for a body of which `size` is known. At most as much waits in it as may be stored, which
/// the other end minds; so a caller that reads slowly holds nobody up.
pub(super) fn passage(size: SizeHint) -> (UnboundedSender<Part>, Body) {
    let (sender, parts) = unbounded_channel();
    (sender, Body::new(Passage { parts, size, state: State::Passing }))
}

struct Passage {
    parts: UnboundedReceiver<Part>,
    /// Of what is still to come.
    size: SizeHint,
    state: State,
}

enum State {
    Passing,
    Rest(Box<Body>),
    Ended,
}

impl http_body::Body for Passage {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Ended => return Poll::Ready(None),
                State::Rest(rest) => return Pin::new(rest.as_mut()).poll_frame(cx),
                State::Passing => {}
            }
            match ready!(this.parts.poll_recv(cx)) {
                Some(Part::Chunk(chunk)) => {
                    this.size = less(&this.size, chunk.len() as u64);
                    return Poll::Ready(Some(Ok(Frame::data(chunk))));
                }
                Some(Part::Trailers(trailers)) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Some(Part::Rest(rest)) => this.state = State::Rest(rest),
                Some(Part::End) => this.state = State::Ended,
                Some(Part::Failed(error)) => {
                    this.state = State::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    this.state = State::Ended;
                    // A body is never taken for whole because nobody is left to send the rest.
                    let error = Error::new(FailureKind::Cancelled, "http", "cache")
                        .with_message("the fetch of the body was abandoned: its runtime shut down");
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Ended => true,
            State::Rest(rest) => rest.is_end_stream(),
            State::Passing => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Ended => SizeHint::with_exact(0),
            State::Rest(rest) => rest.size_hint(),
            State::Passing => self.size,
        }
    }
}

fn less(size: &SizeHint, read: u64) -> SizeHint {
    let mut left = SizeHint::new();
    left.set_lower(size.lower().saturating_sub(read));
    if let Some(upper) = size.upper() {
        left.set_upper(upper.saturating_sub(read));
    }
    left
}
