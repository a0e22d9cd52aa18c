use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Frame;
use seawall_core::{Error, FailureKind, Name};

use super::time_limit::TimeLimit;
use super::{Body, Content};
use crate::target::CallName;

/// What belongs to the body of a response: the call that it answers, and how long and large it may be.
#[derive(Default)]
pub(super) struct Answer {
    call: Option<CallName>,
    time: TimeLimit,
    size: Option<SizeLimit>,
}

/// How many bytes may come, and how many more.
#[derive(Clone, Copy)]
struct SizeLimit {
    max: u64,
    left: u64,
}

impl Body {
    /// What a server answers.
    pub(crate) const fn of_answer(body: reqwest::Body) -> Self {
        Self::of(Content::Answer(body))
    }

    /// What errors call it.
    pub(crate) fn name(&self) -> Name {
        self.answer.name()
    }

    /// Says which call the body answers.
    pub(crate) fn of_call(mut self, call: CallName) -> Self {
        self.answer.call = Some(call);
        self
    }

    /// Cuts the body when nothing arrives for `idle`, or at `deadline`.
    pub(crate) fn within(mut self, idle: Option<Duration>, deadline: Option<Instant>) -> Self {
        self.answer.time = TimeLimit::new(idle, deadline);
        self
    }

    /// Says until when reading it makes sense, if that is earlier than what was said before.
    pub(crate) fn until(mut self, deadline: Option<Instant>) -> Self {
        self.answer.time.bring_forward(deadline);
        self
    }

    /// Lets it be as large as it may become: a stream that is read as it comes.
    pub(crate) fn without_limit(mut self) -> Self {
        self.answer.size = None;
        self
    }

    /// Refuses it when it is larger, if that is less than what was said before.
    pub(crate) fn at_most(mut self, max: Option<u64>) -> Self {
        let max = self.answer.size.map(|size| size.max).into_iter().chain(max).min();
        self.answer.size = max.map(|max| SizeLimit { max, left: max });
        self
    }
}

impl Answer {
    pub(super) const fn none() -> Self {
        Self { call: None, time: TimeLimit::none(), size: None }
    }

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

    /// There is no more to come.
    pub(super) fn end(&mut self) {
        self.time = TimeLimit::none();
    }
}

/// The refusal of a response that is larger than it may be.
pub(crate) fn too_large(name: Name, max: u64) -> Error {
    Error::new(FailureKind::Refused, "http", name).with_message(format!(
        "the response body is larger than max_response_size allows: {max} bytes; raise it, or say more for this request"
    ))
}
