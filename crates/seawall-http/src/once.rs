//! Bodies that are sent once, and errors that say so.

use seawall_core::Error;

use crate::outgoing::Outgoing;

/// Why the body of a request is sent only once, if it is.
#[derive(Clone, Copy)]
pub(crate) enum Once {
    Not,
    Stream,
    Large { size: usize, max: usize },
}

impl Once {
    /// What is so of a request. One with a body of more than `max` bytes is marked, so that nobody keeps a copy.
    pub(crate) fn of(request: &mut Outgoing, max: usize) -> Self {
        if request.is_stream() {
            return Self::Stream;
        }
        match request.size() {
            Some(size) if size > max => {
                request.send_once();
                Self::Large { size, max }
            }
            _ => Self::Not,
        }
    }

    /// Says it in the error of a call that would have been repeated.
    pub(crate) fn explain(self, error: Error) -> Error {
        let why = match self {
            _ if !error.kind().is_retryable() => return error,
            Self::Not => return error,
            Self::Stream => "the request body is a stream, which is sent only once".to_owned(),
            Self::Large { size, max } => {
                format!(
                    "the request body of {size} bytes is sent only once, because max_replay_body is {max}"
                )
            }
        };
        let message = match error.message() {
            Some(message) => format!("{message}, and {why}"),
            None => format!("{} failure, and {why}", error.kind().as_str()),
        };
        error.with_message(message)
    }
}
