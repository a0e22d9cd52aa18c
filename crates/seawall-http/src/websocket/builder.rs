use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, Method, Request, Uri};
use seawall_core::{CallContext, Error, FailureKind};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::actor::{Actor, Connect, Greet, ReconnectIf, reconnects_by_default};
use super::socket::Acknowledged;
use super::{Message, WebSocket, WebSocketConfig, handshake};
use crate::client::misconfigured;
use crate::reconnect::{Backoff, Outage};
use crate::target::CallName;
use crate::{Body, Http, RequestBuilder};

/// A WebSocket being made, begun by [`RequestBuilder::websocket`].
#[must_use = "a websocket does nothing until it is connected"]
pub struct WebSocketBuilder {
    http: Http,
    request: Request<Body>,
    /// That of the request, if it is not the current one.
    context: Option<CallContext>,
    config: WebSocketConfig,
    resume: Option<Resume>,
    greet: Option<Greet>,
    reconnect_if: ReconnectIf,
}

type Resume = Box<dyn Fn(&mut Uri, &mut HeaderMap, &str) + Send + Sync>;

impl RequestBuilder {
    /// Begins a WebSocket to the request's URL, which may be `ws:`, `wss:`, `http:` or `https:`: see
    /// [`websocket`](mod@crate::websocket). Its [`timeout`](Self::timeout) is that of the whole stream.
    ///
    /// # Errors
    ///
    /// The first mistake in the request or in the configuration. [`Permanent`](FailureKind::Permanent) if it is no GET.
    pub fn websocket(self, config: &WebSocketConfig) -> Result<WebSocketBuilder, Error> {
        let (http, context) = (self.http().clone(), self.context());
        WebSocketBuilder::new(http, self.build()?, context, config)
    }
}

impl WebSocketBuilder {
    fn new(
        http: Http,
        mut request: Request<Body>,
        context: Option<CallContext>,
        config: &WebSocketConfig,
    ) -> Result<Self, Error> {
        config.validate().map_err(misconfigured)?;
        handshake::speak_http(request.uri_mut());
        if request.method() != Method::GET {
            return Err(Error::new(FailureKind::Permanent, "http", &CallName::of(&request))
                .not_executed()
                .with_message("only a get can become a websocket"));
        }
        let (resume, greet) = (None, None);
        let reconnect_if = Box::new(reconnects_by_default);
        Ok(Self { http, request, context, config: config.clone(), resume, greet, reconnect_if })
    }

    /// Changes the request for a connection that is to go on after the last id that was
    /// [acknowledged](WebSocket::acknowledge): its URL and its headers.
    pub fn resume(mut self, resume: impl Fn(&mut Uri, &mut HeaderMap, &str) + Send + Sync + 'static) -> Self {
        self.resume = Some(Box::new(resume));
        self
    }

    /// Says what is sent first on each connection, such as subscriptions; it is given the last id that was
    /// acknowledged.
    pub fn greet(mut self, greet: impl Fn(Option<&str>) -> Vec<Message> + Send + Sync + 'static) -> Self {
        self.greet = Some(Box::new(greet));
        self
    }

    /// Says after which codes of a close by the server another connection is made; without a code it gave none.
    ///
    /// By default after all but 1000 (the server is done), 1002, 1003, 1007 to 1010 (one of us does something wrong) and
    /// 4000 to 4999 (only the application knows). 1000 ends the stream, the others are an error.
    pub fn reconnect_if(mut self, decide: impl Fn(Option<u16>) -> bool + Send + Sync + 'static) -> Self {
        self.reconnect_if = Box::new(decide);
        self
    }

    /// Connects, as often as it takes, and returns once there is a connection. The stream ends at the deadline of the
    /// current [`CallContext`].
    ///
    /// # Errors
    ///
    /// What will not pass, or was the last of `reconnect.max_attempts`; [`Timeout`](FailureKind::Timeout) if the deadline
    /// comes first.
    ///
    /// Cancel safe: dropped, there will be no connection.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn connect(self) -> Result<WebSocket, Error> {
        let context = self.context.unwrap_or_else(CallContext::current);
        let deadline = context.deadline_at().map(Instant::from_std);
        let name = CallName::of(&self.request);
        let resumes = self.resume.is_some() || self.greet.is_some();
        let greet = self.greet.unwrap_or_else(|| Box::new(|_| Vec::new()));
        let calls = Arc::new(Calls {
            http: self.http,
            request: self.request.map(drop),
            resume: self.resume,
            context,
        });
        let connect: Connect = Box::new(move |id| {
            let (calls, request) = (Arc::clone(&calls), calls.request(id));
            Box::pin(async move {
                let call = handshake::connect(&calls.http, request);
                calls.context.clone().scope(call).await
            })
        });
        open(name, self.config, connect, greet, self.reconnect_if, resumes, deadline).await
    }
}

/// What each connection is made of.
struct Calls {
    http: Http,
    request: Request<()>,
    resume: Option<Resume>,
    context: CallContext,
}

impl Calls {
    fn request(&self, id: Option<&str>) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.request.uri().clone();
        *request.headers_mut() = self.request.headers().clone();
        *request.extensions_mut() = self.request.extensions().clone();
        if let (Some(resume), Some(id)) = (&self.resume, id) {
            let (mut uri, headers) = (request.uri().clone(), request.headers_mut());
            resume(&mut uri, headers, id);
            *request.uri_mut() = uri;
        }
        request
    }
}

/// Starts the task of a stream, and waits for its first connection.
pub(super) async fn open(
    name: CallName,
    config: WebSocketConfig,
    connect: Connect,
    greet: Greet,
    reconnect_if: ReconnectIf,
    resumes: bool,
    deadline: Option<Instant>,
) -> Result<WebSocket, Error> {
    let (incoming, receiver) = mpsc::channel(config.incoming_queue.get());
    let (sender, outgoing) = mpsc::channel(config.outgoing_queue.get());
    let (say_goodbye, goodbye) = oneshot::channel();
    let (ready, is_ready) = oneshot::channel();
    let acknowledged = Acknowledged::default();
    let socket = WebSocket::new(name.clone(), receiver, sender, acknowledged.clone(), say_goodbye);
    let abandoned = Error::new(FailureKind::Cancelled, "http", &name)
        .with_message("the websocket was abandoned: its runtime shut down");
    let outage = Outage::new(Backoff::new(config.reconnect.clone()), deadline);
    let ready = Some(ready);
    let actor = Actor {
        name,
        config,
        connect,
        greet,
        reconnect_if,
        resumes,
        acknowledged,
        outage,
        incoming,
        outgoing,
        goodbye,
        ready,
    };
    tokio::spawn(actor.run());
    is_ready.await.unwrap_or(Err(abandoned)).map(|()| socket)
}

impl fmt::Debug for WebSocketBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketBuilder")
            .field("request", &CallName::of(&self.request).to_string())
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
