use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Stream, StreamExt};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, Entry, HeaderMap};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use seawall_core::{CallContext, Error, FailureKind, Idempotency};
use seawall_tower::Replay;
use tokio::time::{Instant, Sleep};

use super::parser::Parser;
use super::{SseConfig, SseEvent};
use crate::client::misconfigured;
use crate::deadline_header::OpenEnded;
use crate::reconnect::{Backoff, Incoming, Outage};
use crate::target::CallName;
use crate::{Body, Http, HttpBackend, ResponseExt};

/// An event stream that connects again when it breaks. See the [module](super).
///
/// It is a [`Stream`] that must be polled to go on: what is not read stays with the server. After an error it is over.
/// Dropped, it closes its connection.
#[must_use = "a stream does nothing unless it is polled"]
pub struct EventSource {
    http: Http,
    request: Request<Body>,
    name: CallName,
    /// Whether the request may be made again once it may have been carried out.
    repeatable: bool,
    context: CallContext,
    config: SseConfig,
    parser: Parser,
    outage: Outage,
    state: State,
}

type Answer = Result<Response<Body>, Error>;

enum State {
    Idle,
    Connecting {
        answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
        resumed_from: Option<String>,
    },
    Reading(Box<Body>),
    Waiting(Pin<Box<Sleep>>),
    /// Told once the events before it are read.
    Failed(Error),
    Over,
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: &str = "text/event-stream";

impl EventSource {
    /// A stream of the events that answer `request`. It connects when it is first polled, and ends at the deadline of the
    /// current [`CallContext`].
    ///
    /// `Accept: text/event-stream` and `Cache-Control: no-store` are sent unless the request says otherwise. If it has a
    /// `Last-Event-ID`, that is where the stream begins.
    ///
    /// # Errors
    ///
    /// [`Permanent`](FailureKind::Permanent) if the configuration breaks one of its rules.
    pub fn new(http: Http, mut request: Request<Body>, config: &SseConfig) -> Result<Self, Error> {
        config.validate().map_err(misconfigured)?;
        let context = CallContext::current();
        let idempotency = match context.idempotency_class() {
            Idempotency::Unspecified => HttpBackend.idempotency(&request),
            said => said,
        };
        let mut parser = Parser::new(config.max_event_size);
        if let Some(id) = request.headers_mut().remove(LAST_EVENT_ID) {
            parser.go_on_after(&String::from_utf8_lossy(id.as_bytes()));
        }
        request.extensions_mut().insert(OpenEnded);
        set_unless_there(request.headers_mut(), ACCEPT, EVENT_STREAM);
        set_unless_there(request.headers_mut(), CACHE_CONTROL, "no-store");
        Ok(Self {
            name: CallName::of(&request),
            repeatable: idempotency == Idempotency::Idempotent,
            outage: Outage::new(
                Backoff::new(config.reconnect.clone()),
                context.deadline_at().map(Instant::from_std),
            ),
            http,
            request,
            context,
            config: config.clone(),
            parser,
            state: State::Idle,
        })
    }

    /// The id that the server would be told to go on after, if the stream broke now.
    pub fn last_event_id(&self) -> Option<&str> {
        Some(self.parser.last_id()).filter(|id| !id.is_empty())
    }

    fn connect(&mut self) -> Result<State, Error> {
        let mut request = HttpBackend
            .replay(&self.request)
            .ok_or_else(|| self.error("its request body is a stream, which is sent only once"))?;
        // An id that no header can carry cannot be asked for.
        let id = self.last_event_id().and_then(|id| {
            let value = HeaderValue::from_bytes(id.as_bytes()).ok()?;
            Some((id.to_owned(), value))
        });
        let resumed_from = id.map(|(id, value)| {
            request.headers_mut().insert(LAST_EVENT_ID, value);
            id
        });
        self.outage.attempt();
        let http = self.http.clone();
        let call = self.context.clone().scope(async move { http.call(request).await });
        Ok(State::Connecting { answer: Box::pin(call), resumed_from })
    }

    /// The body of an answer that is an event stream; `None` of one that says that there is no more.
    fn accept(&self, response: Response<Body>) -> Result<Option<Body>, Error> {
        match response.status() {
            StatusCode::NO_CONTENT => return Ok(None),
            StatusCode::OK => {}
            status => {
                response.error_for_status()?;
                let message =
                    format!("the server answered with status {}, not with a stream", status.as_u16());
                return Err(self.error(message));
            }
        }
        if !is_event_stream(response.headers()) {
            let sent =
                response.headers().get(CONTENT_TYPE).map_or("nothing", |sent| sent.to_str().unwrap_or("?"));
            return Err(self.error(format!("the server sent `{sent}`, not `{EVENT_STREAM}`")));
        }
        let deadline = self.outage.deadline().map(Instant::into_std);
        Ok(Some(response.into_body().idle_for(self.config.idle_timeout).until(deadline).without_limit()))
    }

    /// Takes the next bytes of the body. The error says why the connection is no good any more.
    fn take(&mut self, chunk: Option<Result<bytes::Bytes, Error>>) -> Result<(), Error> {
        let Some(chunk) = chunk else {
            return Err(Error::new(FailureKind::Transient, "http", &self.name)
                .with_message("the server closed the event stream"));
        };
        let chunk = chunk?;
        self.outage.backoff().reset();
        let pushed = self.parser.push(&chunk);
        if let Some(retry) = self.parser.take_retry() {
            self.outage.backoff().ask(retry);
        }
        pushed.map_err(|_too_large| {
            self.error(format!(
                "an event is larger than max_event_size allows: {} bytes",
                self.config.max_event_size
            ))
        })
    }

    /// What to do after `cause` ended a connection, or kept one from being made.
    fn broke(&mut self, cause: Error) -> Result<State, Error> {
        self.parser.restart();
        if !self.repeatable && cause.may_have_executed() {
            return Err(cause);
        }
        let until = self.outage.broke(cause)?;
        Ok(State::Waiting(Box::pin(tokio::time::sleep_until(until))))
    }

    fn passed(&self) -> bool {
        self.outage.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn error(&self, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::new(FailureKind::Permanent, "http", &self.name).with_message(message)
    }
}

impl Stream for EventSource {
    type Item = Result<Incoming<SseEvent>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.parser.pop() {
                return Poll::Ready(Some(Ok(Incoming::Item(event))));
            }
            let next = match &mut this.state {
                State::Over => return Poll::Ready(None),
                State::Failed(_) => {
                    let State::Failed(error) = std::mem::replace(&mut this.state, State::Over) else {
                        continue;
                    };
                    return Poll::Ready(Some(Err(error)));
                }
                State::Idle => this.connect(),
                State::Waiting(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    this.connect()
                }
                State::Connecting { answer, resumed_from } => {
                    let answer = ready!(answer.as_mut().poll(cx));
                    let resumed_from = resumed_from.take();
                    match answer.and_then(|response| this.accept(response)) {
                        Ok(None) => Ok(State::Over),
                        Ok(Some(body)) => {
                            this.state = State::Reading(Box::new(body));
                            match this.outage.over(resumed_from) {
                                Some(gap) => return Poll::Ready(Some(Ok(Incoming::Reconnected(gap)))),
                                None => continue,
                            }
                        }
                        Err(cause) => this.broke(cause),
                    }
                }
                State::Reading(body) => {
                    let chunk = ready!(body.poll_next_unpin(cx));
                    // What is asked for once is whole when it ends.
                    let ended = chunk.is_none() && !this.repeatable;
                    match this.take(chunk) {
                        Ok(()) => continue,
                        Err(_) if ended => Ok(State::Over),
                        Err(cause) if this.passed() => Err(cause),
                        Err(cause) => this.broke(cause),
                    }
                }
            };
            this.state = next.unwrap_or_else(State::Failed);
        }
    }
}

impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle => "idle",
            State::Connecting { .. } => "connecting",
            State::Reading(_) => "reading",
            State::Waiting(_) => "waiting",
            State::Failed(_) => "failed",
            State::Over => "over",
        };
        f.debug_struct("EventSource")
            .field("request", &self.name.to_string())
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

fn set_unless_there(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if let Entry::Vacant(entry) = headers.entry(name) {
        entry.insert(HeaderValue::from_static(value));
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let essence = |sent: &HeaderValue| {
        let sent = sent.to_str().ok()?;
        Some(sent.split(';').next()?.trim().eq_ignore_ascii_case(EVENT_STREAM))
    };
    headers.get(CONTENT_TYPE).and_then(essence) == Some(true)
}
