mod address;
mod content;
mod credentials;
mod send;

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::time::Duration;

use address::Address;
pub(crate) use address::is_plain_path;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use seawall_core::{BoxError, Error, FailureKind};
use url::Url;

use crate::outgoing::{Head, Outgoing};
use crate::reception::Reception;
use crate::{Body, Http, target};

/// A request being made, begun by [`Http::get`] and its sisters. The first mistake in it is reported by
/// [`send`](Self::send).
///
/// ```no_run
/// use std::time::Duration;
/// use http::header::ACCEPT;
///
/// # async fn run(http: seawall_http::Http, token: String) -> Result<(), seawall_core::Error> {
/// let items: Vec<String> = http
///     .get("https://api.example.com/items")
///     .query([("page", "2")])
///     .header(ACCEPT, "application/json")
///     .bearer(&token)
///     .timeout(Duration::from_secs(5))
///     .fetch_json()
///     .await?;
/// # Ok(()) }
/// ```
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    http: Http,
    draft: Result<Draft, Error>,
    timeout: Option<Duration>,
    idempotent: bool,
    reception: Reception,
}

struct Draft {
    method: Method,
    address: Address,
    headers: HeaderMap,
    body: Body,
}

impl RequestBuilder {
    pub(crate) fn new(http: Http, method: Method, url: &str) -> Self {
        let draft = match Address::parse(url) {
            Ok(address) => Ok(Draft { method, address, headers: HeaderMap::new(), body: Body::empty() }),
            // What did not parse is not shown: there is no telling where in it the secrets are.
            Err(error) => Err(invalid(method.to_string(), "the url is not an absolute one", error)),
        };
        Self { http, draft, timeout: None, idempotent: false, reception: Reception::default() }
    }

    /// Adds a header, beside those of the same name that are there.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        K: TryInto<HeaderName, Error: Into<BoxError>>,
        V: TryInto<HeaderValue, Error: Into<BoxError>>,
    {
        self.change(|draft| {
            let name = name.try_into().map_err(|error| draft.invalid("a header's name is invalid", error))?;
            let value = value
                .try_into()
                .map_err(|error| draft.invalid(format!("the value of header `{name}` is invalid"), error))?;
            draft.headers.append(name, value);
            Ok(())
        })
    }

    /// Adds headers, each in place of those of the same name that are there.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.change(|draft| {
            draft.headers.extend(headers);
            Ok(())
        })
    }

    /// Adds pairs to the query, escaped: `.query([("page", "2")])`.
    pub fn query<I, K, V>(self, pairs: I) -> Self
    where
        I: IntoIterator<Item: Borrow<(K, V)>>,
        K: AsRef<str>,
        V: AsRef<str>,
    {
        self.change(|draft| {
            let mut pairs = pairs.into_iter().peekable();
            // Begun for nothing, a query would leave a lone `?` behind.
            if pairs.peek().is_some() {
                draft.url()?.query_pairs_mut().extend_pairs(pairs);
            }
            Ok(())
        })
    }

    /// Cuts the whole call, and then the reading of the response's body, after this time in all.
    ///
    /// It can only shorten: the client's own limits (`pipeline.deadline`, `pipeline.attempt_timeout`) hold all the
    /// same, and so does the deadline of the current [`CallContext`](seawall_core::CallContext).
    pub fn timeout(mut self, total: Duration) -> Self {
        self.timeout = Some(total);
        self
    }

    /// Says that the request may be made again whatever its method, because the server knows a repeated one when it
    /// sees it. A request with an `Idempotency-Key` header needs no such word.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Refuses the response when its body is larger, in bytes as they are read: decompressed. It takes the place of
    /// `guards.max_response_size` and `max_collected_size`, so it can allow more as well as less.
    pub fn max_response_size(mut self, bytes: u64) -> Self {
        self.reception.max_size = Some(bytes);
        self
    }

    /// The request itself, for [`Http::call`] or another service; `timeout` and `idempotent` are not part of it.
    ///
    /// # Errors
    ///
    /// [`Permanent`](FailureKind::Permanent): the first mistake in it.
    pub fn build(self) -> Result<Request<Body>, Error> {
        self.draft?.into_request(self.reception)
    }

    pub(crate) const fn http(&self) -> &Http {
        &self.http
    }

    fn change(mut self, change: impl FnOnce(&mut Draft) -> Result<(), Error>) -> Self {
        if let Ok(draft) = &mut self.draft
            && let Err(error) = change(draft)
        {
            self.draft = Err(error);
        }
        self
    }
}

impl Draft {
    fn into_request(self, reception: Reception) -> Result<Request<Body>, Error> {
        let Self { method, address, headers, body } = self;
        let uri = address
            .into_uri()
            .map_err(|error| invalid(method.to_string(), "the url cannot be sent", error))?;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        reception.say(request.extensions_mut());
        target::move_credentials_to_header(&mut request);
        Ok(request)
    }

    /// The same for the client's own layers.
    fn into_outgoing(self, reception: Reception) -> Result<Outgoing, Error> {
        match self {
            // There are no credentials in a plain address.
            Self { method, address: Address::Plain(uri), headers, body } => {
                let head = Head { method, uri, reception, ..Head::default() };
                Ok(Outgoing::new(head, headers, body))
            }
            parsed => parsed.into_request(reception).map(Outgoing::from),
        }
    }

    /// To change it.
    fn url(&mut self) -> Result<&mut Url, Error> {
        let name = self.method.to_string();
        self.address.parsed().map_err(|error| invalid(name, "the url is not an absolute one", error))
    }

    fn invalid(&self, what: impl Into<Cow<'static, str>>, cause: impl Into<BoxError>) -> Error {
        invalid(self.name(), what, cause)
    }

    fn name(&self) -> String {
        match self.address.uri() {
            Ok(uri) => target::describe(&self.method, &uri),
            Err(_) => self.method.to_string(),
        }
    }
}

fn invalid(name: String, what: impl Into<Cow<'static, str>>, cause: impl Into<BoxError>) -> Error {
    Error::new(FailureKind::Permanent, "http", name).not_executed().with_message(what).with_source(cause)
}

impl fmt::Debug for RequestBuilder {
    /// Without user, password, query, headers and body, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RequestBuilder");
        match &self.draft {
            Ok(draft) => debug.field("request", &draft.name()),
            Err(error) => debug.field("error", error),
        };
        debug.field("timeout", &self.timeout).field("idempotent", &self.idempotent).finish_non_exhaustive()
    }
}
