//! A request on its way out, as the client's own layers hand it to one another.

use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

use crate::Body;
use crate::body::Replayable;
use crate::reception::Reception;
use crate::target::CallName;

/// A request, of which all copies share what no attempt changes: one is kept for a retry and one for a redirect, though
/// nearly all calls need neither. It is small, because it is moved through many hands.
pub(crate) struct Outgoing {
    pub(crate) head: Arc<Head>,
    /// None of a request without headers and body.
    rest: Option<Arc<Rest>>,
    /// A body that can be sent only once, which no copy has.
    stream: Option<Box<Body>>,
    /// Headers of one attempt, in place of the request's own.
    added: Option<Box<HeaderMap>>,
    /// Whether nobody may keep a copy.
    once: bool,
}

/// What the request is called by in errors and telemetry, and how it is sent and its response received.
#[derive(Clone, Default)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) reception: Reception,
    /// Without the reception.
    pub(crate) extensions: Extensions,
}

/// What is not needed any more once there is a response.
struct Rest {
    headers: HeaderMap,
    body: Replayable,
}

impl Outgoing {
    pub(crate) fn new(head: Head, headers: HeaderMap, body: Body) -> Self {
        let (body, stream) = match body.into_replayable() {
            Ok(body) => (body, None),
            Err(stream) => (Replayable::default(), Some(Box::new(stream))),
        };
        let is_needed = !headers.is_empty() || !body.is_empty();
        let rest = is_needed.then(|| Arc::new(Rest { headers, body }));
        Self { head: Arc::new(head), rest, stream, added: None, once: false }
    }

    /// What errors call it.
    pub(crate) fn name(&self) -> CallName {
        CallName::of_head(Arc::clone(&self.head))
    }

    /// Those that it was made with.
    pub(crate) fn headers(&self) -> Option<&HeaderMap> {
        self.rest.as_ref().map(|rest| &rest.headers)
    }

    /// How many bytes its body has, if it is bytes that can be sent again.
    pub(crate) fn size(&self) -> Option<usize> {
        let Some(rest) = self.rest.as_ref().filter(|_| self.stream.is_none()) else { return Some(0) };
        rest.body.size()
    }

    pub(crate) const fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Lets nobody keep a copy.
    pub(crate) const fn send_once(&mut self) {
        self.once = true;
    }

    /// A copy, if there may be one.
    pub(crate) fn try_clone(&self) -> Option<Self> {
        (!self.once && !self.is_stream()).then(|| self.without_stream())
    }

    /// A copy of all but a body that can be sent only once.
    pub(crate) fn without_stream(&self) -> Self {
        Self { head: Arc::clone(&self.head), rest: self.rest.clone(), stream: None, added: None, once: false }
    }

    /// Adds a header to this attempt, in place of the request's own.
    pub(crate) fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.added.get_or_insert_default().insert(name, value);
    }

    /// Takes it apart to be sent.
    pub(crate) fn into_parts(self) -> (Arc<Head>, HeaderMap, Body) {
        let body = match (self.stream, &self.rest) {
            (Some(stream), _) => *stream,
            (None, Some(rest)) => rest.body.body(),
            (None, None) => Body::empty(),
        };
        let mut headers = self.rest.map_or_else(HeaderMap::new, |rest| rest.headers.clone());
        if let Some(added) = self.added {
            headers.extend(*added);
        }
        (self.head, headers, body)
    }
}

impl From<Request<Body>> for Outgoing {
    fn from(mut request: Request<Body>) -> Self {
        let reception = Reception::take(&mut request);
        let (http::request::Parts { method, uri, version, headers, extensions, .. }, body) =
            request.into_parts();
        Self::new(Head { method, uri, version, reception, extensions }, headers, body)
    }
}

impl From<Outgoing> for Request<Body> {
    fn from(outgoing: Outgoing) -> Self {
        let (head, headers, body) = outgoing.into_parts();
        let Head { method, uri, version, reception, extensions } = Arc::unwrap_or_clone(head);
        let mut request = Self::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = version;
        *request.headers_mut() = headers;
        *request.extensions_mut() = extensions;
        reception.say(request.extensions_mut());
        request
    }
}
