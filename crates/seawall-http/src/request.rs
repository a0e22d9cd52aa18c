use std::borrow::Borrow;
use std::fmt;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, Entry};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use seawall_core::{BoxError, CallContext, Error, FailureKind, Idempotency};
use serde::Serialize;
use url::Url;

use crate::{Body, Http, target};

/// A request being made, begun by [`Http::get`] and its sisters. The first mistake in it is reported by
/// [`send`](Self::send).
///
/// ```no_run
/// use std::time::Duration;
/// use http::header::ACCEPT;
///
/// # async fn run(http: seawall_http::Http, token: String) -> Result<(), seawall_core::Error> {
/// let response = http
///     .get("https://api.example.com/items")
///     .query([("page", "2")])
///     .header(ACCEPT, "application/json")
///     .bearer(&token)
///     .timeout(Duration::from_secs(5))
///     .send()
///     .await?;
/// let items: Vec<String> = response.into_body().json(1024 * 1024).await?;
/// # Ok(()) }
/// ```
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    http: Http,
    draft: Result<Draft, Error>,
    timeout: Option<Duration>,
    idempotent: bool,
    max_response_size: Option<u64>,
}

struct Draft {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Body,
}

impl RequestBuilder {
    pub(crate) fn new(http: Http, method: Method, url: &str) -> Self {
        let draft = match Url::parse(url) {
            Ok(url) => Ok(Draft { method, url, headers: HeaderMap::new(), body: Body::empty() }),
            // What did not parse is not shown: there is no telling where in it the secrets are.
            Err(error) => Err(invalid(method.to_string(), "the url is not an absolute one", error)),
        };
        Self { http, draft, timeout: None, idempotent: false, max_response_size: None }
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

    /// Sends `Authorization: Bearer TOKEN`, marked so that nobody logs it.
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.change(|draft| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.as_ref())).map_err(|error| {
                draft.invalid("the bearer token has characters a header cannot have", error)
            })?;
            value.set_sensitive(true);
            draft.headers.insert(AUTHORIZATION, value);
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
                draft.url.query_pairs_mut().extend_pairs(pairs);
            }
            Ok(())
        })
    }

    /// Sends a value as JSON, with `Content-Type: application/json` unless another is set before.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.change(|draft| {
            let json = serde_json::to_vec(value)
                .map_err(|error| draft.invalid("the body cannot be written as json", error))?;
            if let Entry::Vacant(entry) = draft.headers.entry(CONTENT_TYPE) {
                entry.insert(HeaderValue::from_static("application/json"));
            }
            draft.body = json.into();
            Ok(())
        })
    }

    /// Sends bytes, or a stream made by [`Body::from_stream`]; a call with a stream is never repeated.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.change(|draft| {
            draft.body = body.into();
            Ok(())
        })
    }

    /// Cuts the whole call, and then the reading of the response's body, after this time in all.
    ///
    /// It can only shorten: the client's own limits (`pipeline.deadline`, `pipeline.attempt_timeout`) hold all the
    /// same, and so does the deadline of the current [`CallContext`].
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

    /// Refuses the response's body when it is larger, in bytes as they are read: decompressed.
    pub fn max_response_size(mut self, bytes: u64) -> Self {
        self.max_response_size = Some(bytes);
        self
    }

    /// The request itself, for [`Http::call`] or another service; `timeout`, `idempotent` and
    /// `max_response_size` are not part of it.
    ///
    /// # Errors
    ///
    /// [`Permanent`](FailureKind::Permanent): the first mistake in it.
    pub fn build(self) -> Result<Request<Body>, Error> {
        let Draft { method, url, headers, body } = self.draft?;
        let uri = Uri::try_from(url.as_str())
            .map_err(|error| invalid(method.to_string(), "the url cannot be sent", error))?;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        target::move_credentials_to_header(&mut request);
        Ok(request)
    }

    /// Makes the call and returns once the response's headers are there; see [`Http::call`].
    ///
    /// # Errors
    ///
    /// The first mistake in the request, and as [`Http::call`]. Every response is `Ok`, whatever its status.
    ///
    /// Cancel safe for the client; whether the server carried out a dropped call is unknown.
    pub async fn send(self) -> Result<Response<Body>, Error> {
        let (http, max_size) = (self.http.clone(), self.max_response_size);
        let context = self.context();
        let request = self.build()?;
        let response = match context {
            None => http.call(request).await,
            Some(context) => context.scope(http.call(request)).await,
        };
        Ok(response?.map(|body| body.at_most(max_size)))
    }

    /// The context of the call, if it is not the current one.
    fn context(&self) -> Option<CallContext> {
        if self.timeout.is_none() && !self.idempotent {
            return None;
        }
        let mut context = CallContext::current();
        if let Some(total) = self.timeout {
            context = context.within(total, tokio::time::Instant::now().into_std());
        }
        if self.idempotent {
            context = context.idempotency(Idempotency::Idempotent);
        }
        Some(context)
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
    fn invalid(&self, what: impl Into<std::borrow::Cow<'static, str>>, cause: impl Into<BoxError>) -> Error {
        invalid(self.name(), what, cause)
    }

    fn name(&self) -> String {
        match Uri::try_from(self.url.as_str()) {
            Ok(uri) => target::describe(&self.method, &uri),
            Err(_) => self.method.to_string(),
        }
    }
}

fn invalid(
    name: String,
    what: impl Into<std::borrow::Cow<'static, str>>,
    cause: impl Into<BoxError>,
) -> Error {
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
