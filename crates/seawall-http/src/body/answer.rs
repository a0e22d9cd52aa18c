use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use seawall_core::{BoxError, Error, FailureKind, Name};
use seawall_tower::concurrency_limit::Permit;

use super::time_limit::TimeLimit;
use super::{Body, Content};
use crate::target::CallName;

/// What belongs to the body of a response: the call that it answers, and how long and large it may be.
#[derive(Default)]
pub(super) struct Answer {
    call: Option<CallName>,
    time: TimeLimit,
    size: Option<SizeLimit>,
    permit: Option<Permit>,
}

/// The first of a body is read with the headers, whether or not anybody asks for it. A body that is no longer leaves its
/// connection free for the next request, so whoever keeps its response for later keeps nobody waiting.
const SHORT: u64 = 8192;

/// How many bytes may come, and how many more.
#[derive(Clone, Copy)]
struct SizeLimit {
    max: u64,
    left: u64,
}

impl Body {
    /// What a server answers.
    pub(crate) const fn received(body: Incoming) -> Self {
        Self::of(Content::Answer(body))
    }

    /// The same, by way of what undoes its coding, or of another client.
    pub(crate) fn carried<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::of(Content::Carried(Box::pin(body.map_err(Into::into))))
    }

    /// Answers this call: at most so many bytes, and none later than `idle` after the one before.
    pub(crate) fn answering(mut self, call: CallName, max: Option<u64>, idle: Option<Duration>) -> Self {
        let (time, size) = (TimeLimit::new(idle, None), max.map(SizeLimit::new));
        self.answer = Some(Box::new(Answer { call: Some(call), time, size, permit: None }));
        self
    }

    /// What errors call it.
    pub(crate) fn name(&self) -> Name {
        self.answer.as_ref().map_or(Name::from("body"), |answer| answer.name())
    }

    /// The call that it answers.
    pub(super) fn call(&self) -> Option<CallName> {
        self.answer.as_ref().and_then(|answer| answer.call.clone())
    }

    /// There is no more to come.
    pub(super) fn end(&mut self) {
        if let Some(answer) = &mut self.answer {
            answer.time = TimeLimit::none();
            answer.permit = None;
        }
    }

    fn answer(&mut self) -> &mut Answer {
        self.answer.get_or_insert_default()
    }

    /// Says which call the body answers.
    pub(crate) fn of_call(mut self, call: CallName) -> Self {
        self.answer().call = Some(call);
        self
    }

    /// Cuts the body when nothing arrives for `idle`.
    pub(crate) fn idle_for(mut self, idle: Option<Duration>) -> Self {
        self.answer().time = TimeLimit::new(idle, None);
        self
    }

    /// Holds a permit until it has been read or is dropped, unless it is short.
    pub(crate) fn holding(mut self, permit: Option<Permit>) -> Self {
        let permit = permit.filter(|_| !self.content.has_at_most(SHORT));
        self.answer().permit = permit;
        self
    }

    /// Says until when reading it makes sense, if that is earlier than what was said before.
    pub(crate) fn until(mut self, deadline: Option<Instant>) -> Self {
        if deadline.is_some() {
            self.answer().time.bring_forward(deadline);
        }
        self
    }

    /// Lets it be as large as it may become: a stream that is read as it comes.
    pub(crate) fn without_limit(mut self) -> Self {
        self.answer().size = None;
        self
    }
}

impl SizeLimit {
    const fn new(max: u64) -> Self {
        Self { max, left: max }
    }
}

impl Answer {
    pub(super) fn name(&self) -> Name {
        self.call.as_ref().map_or(Name::from("body"), Name::from)
    }

    /// The error of a body whose deadline has passed.
    pub(super) fn late(&self) -> Option<Error> {
        self.time.passed().map(|late| late.error(self.name()))
    }

    /// The same, once nothing has come for too long.
    pub(super) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.time.poll_late(cx).map(|late| late.error(self.name()))
    }

    /// Takes note of a part.
    pub(super) fn arrived(&mut self, frame: &Frame<Bytes>) -> Result<(), Error> {
        self.time.arrived();
        let (Some(SizeLimit { max, left }), Some(data)) = (self.size, frame.data_ref()) else {
            return Ok(());
        };
        let left = left.checked_sub(data.len() as u64).ok_or_else(|| too_large(self.name(), max))?;
        self.size = Some(SizeLimit { max, left });
        Ok(())
    }

    /// All has come but perhaps trailers.
    pub(super) fn release(&mut self) {
        self.permit = None;
    }
}

/// The refusal of a response that is larger than it may be.
pub(crate) fn too_large(name: Name, max: u64) -> Error {
    let message = format!(
        "the response body is larger than the {max} bytes that it may have: raise guards.max_response_size, \
         max_collected_size if it is collected, or max_response_size of the request"
    );
    Error::new(FailureKind::Refused, "http", name).with_message(message)
}
