use std::borrow::Cow;
use std::future::Future;
use std::time::Instant;

use seawall_core::{AttributeValue, CallContext, Error, FailureKind, Measurement};
use tracing::{Instrument, Span};

use super::Peer;
use super::names::{DURATION, ERROR, NAMESPACE, OPERATION, SERVER_ADDRESS, SERVER_PORT, STATUS, SYSTEM};
use crate::Statement;
use crate::statement::Asked;

/// A call that is under way, and is told of once.
pub(crate) struct Record<'a> {
    peer: &'a Peer,
    asked: &'a Asked,
    operation: Option<&'static str>,
    span: Span,
    began: Instant,
    /// Until when its caller waits.
    deadline: Option<Instant>,
    done: bool,
}

impl<'a> Record<'a> {
    pub(super) fn new(
        peer: &'a Peer,
        statement: &'a Statement,
        operation: Option<&'static str>,
        span: Span,
        began: Instant,
    ) -> Self {
        let (asked, deadline) = (&*statement.asked, CallContext::current_deadline());
        Self { peer, asked, operation, span, began, deadline, done: false }
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    pub(super) async fn observe<T>(self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let answer = if self.span.is_disabled() {
            call.await
        } else {
            Box::pin(call.instrument(self.span.clone())).await
        };
        self.ended_now(&answer);
        answer
    }

    /// The call was answered just now.
    pub(crate) fn ended_now<T>(self, answer: &Result<T, Error>) {
        self.ended(answer, now());
    }

    /// The call was answered at that time.
    pub(crate) fn ended<T>(mut self, answer: &Result<T, Error>, now: Instant) {
        match answer {
            Ok(_) => self.end(None, None, now),
            Err(error) if error.kind() == FailureKind::Cancelled => self.done = true,
            Err(error) => {
                let code = code_of(error);
                self.end(code.as_deref(), Some(code.as_deref().unwrap_or(error.kind().as_str())), now);
            }
        }
    }

    fn end(&mut self, code: Option<&str>, error: Option<&str>, now: Instant) {
        self.done = true;
        if let Some(code) = code {
            self.span.record(STATUS, code);
        }
        if let Some(error) = error {
            self.span.record(ERROR, error);
            self.span.record("otel.status_code", "ERROR");
        }
        let elapsed = now.saturating_duration_since(self.began);
        self.peer.note_slowness(self.asked, elapsed);
        if !self.peer.is_measured {
            return;
        }
        let peer = self.peer;
        let mut attributes = [(SYSTEM, AttributeValue::Text(peer.system)); 7];
        let mut known = 1;
        let mut add = |name, value| {
            attributes[known] = (name, value);
            known += 1;
        };
        let texts = [
            (OPERATION, self.operation),
            (NAMESPACE, Some(&*peer.namespace).filter(|namespace| !namespace.is_empty())),
            (SERVER_ADDRESS, peer.address.as_deref()),
            (STATUS, code),
            (ERROR, error),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                add(name, AttributeValue::Text(text));
            }
        }
        if let Some(port) = peer.port {
            add(SERVER_PORT, AttributeValue::Number(port.into()));
        }
        let attributes = &attributes[..known];
        peer.observer.measure(&Measurement { metric: DURATION, elapsed, attributes });
    }
}

impl Drop for Record<'_> {
    /// A call that is dropped after its deadline was cut for being slow. Any other was given up, and nobody knows how it
    /// would have ended: only that it was slow can be said of it, if it was.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let now = now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.end(None, Some(FailureKind::Timeout.as_str()), now);
        } else {
            self.peer.note_slowness(self.asked, now.saturating_duration_since(self.began));
        }
    }
}

/// The database's own code for what went wrong: a number of MySQL's, a state of SQL's everywhere else.
fn code_of(error: &Error) -> Option<Cow<'_, str>> {
    let source = std::error::Error::source(error)?.downcast_ref()?;
    #[cfg(feature = "mysql")]
    if let Some(number) = crate::driver::mysql::number(source) {
        return Some(Cow::Owned(number.to_string()));
    }
    match source {
        sqlx::Error::Database(error) => error.code(),
        _ => None,
    }
}

pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
