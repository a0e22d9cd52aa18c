use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri};
use seawall_core::{Error, FailureKind};
use tower::Service;
use url::Url;

use crate::Body;
use crate::outgoing::Outgoing;
use crate::target::Key;

/// Where an endpoint is: the base address that paths are put below.
#[derive(Debug)]
pub(super) struct Address {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at its end.
    base: Box<str>,
}

impl Address {
    /// # Errors
    /// [`Permanent`](FailureKind::Permanent) for what is no base address.
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        // What did not parse is not shown: there is no telling where in it the secrets are.
        let parsed =
            Url::parse(url).map_err(|error| invalid("the url is not an absolute one").with_source(error))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(invalid("the url has a user or a password: send them in a header of the request"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(invalid("the url has a query or a fragment, and no path can be put below those"));
        }
        let uri = Uri::try_from(parsed.as_str())
            .map_err(|error| invalid("the url cannot be called").with_source(error))?;
        Key::of(&Method::GET, &uri)?;
        let base = uri.path().trim_end_matches('/').into();
        let parts = uri.into_parts();
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority)) => Ok(Self { scheme, authority, base }),
            _ => Err(invalid("the url has no host")),
        }
    }

    /// What the endpoint is called: scheme, authority and base.
    pub(super) fn name(&self) -> Arc<str> {
        format!("{}://{}{}", self.scheme, self.authority, self.base).into()
    }

    /// The same path below this address.
    pub(super) fn resolve(&self, uri: &Uri) -> Uri {
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let path = if self.base.is_empty() { path.to_owned() } else { format!("{}{path}", self.base) };
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .expect("a path after a path is a path")
    }

    /// The key of the policies that guard it.
    pub(super) fn key(&self) -> Result<Key, Error> {
        Key::of(&Method::GET, &self.resolve(&Uri::from_static("/")))
    }
}

fn invalid(what: &'static str) -> Error {
    Error::new(FailureKind::Permanent, "http", "endpoint").not_executed().with_message(what)
}

/// Sends requests to one endpoint, wherever they were addressed to.
#[derive(Clone, Debug)]
pub(crate) struct Toward<S> {
    inner: S,
    address: Arc<Address>,
}

impl<S> Toward<S> {
    pub(super) const fn new(inner: S, address: Arc<Address>) -> Self {
        Self { inner, address }
    }
}

impl<S: Service<Outgoing>> Service<Request<Body>> for Toward<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        *request.uri_mut() = self.address.resolve(request.uri());
        self.inner.call(request.into())
    }
}
