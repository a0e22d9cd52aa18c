//! The innermost service: one attempt.

mod attempt;
mod carrier;
mod client;
mod decompress;
mod upgrades;
mod users;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response, Uri};
use http_body::Body as _;
use seawall_core::{BoxError, Error, Observer};
use seawall_tower::DeadlineHeader;
use tower::Service;
use url::{Position, Url};

use crate::Body;
use crate::body::too_large;
use crate::builder::Connected;
use crate::config::HttpConfig;
use crate::connections::Connections;
use crate::deadline_header;
use crate::failure;
use crate::guard::Guards;
use crate::keyring::{Keyring, Keys};
use crate::outgoing::Outgoing;
use crate::quota::HeedQuota;
use crate::redirect::is_redirect;
use crate::request::is_plain_path;
use crate::target::CallName;

use attempt::{Attempt, Order};
pub(crate) use carrier::Carrier;
pub(crate) use client::{Client, NotHttps};
use upgrades::{Upgrades, asks_for_one};

/// One attempt, once there is a connection to be had.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    carrier: Carrier,
    upgrades: Option<Arc<Upgrades>>,
    connections: Option<Connections>,
    site: Arc<Site>,
    called: Called,
}

/// Whether a call has been made since somebody looked. A clone has made none.
#[derive(Debug, Default)]
struct Called(AtomicBool);

impl Clone for Called {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// What holds for all requests to one authority.
#[derive(Debug)]
struct Site {
    /// A URL there, taken apart once, and not for each request.
    root: Option<Url>,
    keys: Keys,
    quota: Option<HeedQuota>,
    deadline_header: Option<DeadlineHeader>,
    /// To be told what the server speaks.
    connections: Option<Connections>,
    rules: Arc<Rules>,
}

/// What holds for all responses of a client.
#[derive(Debug)]
struct Rules {
    guards: Guards,
    max_size: Option<u64>,
    max_collected_size: u64,
    read_timeout: Option<Duration>,
    follows_redirects: bool,
}

/// What every transport of a client is made of.
pub(crate) struct Transports {
    carrier: Carrier,
    upgrades: Option<Arc<Upgrades>>,
    max_connections: Option<NonZeroU32>,
    keyring: Keyring,
    rules: Arc<Rules>,
    observer: Arc<dyn Observer>,
}

impl Transports {
    pub(crate) fn new(connected: Connected, config: &HttpConfig, observer: Arc<dyn Observer>) -> Self {
        let Connected { carrier, cookies } = connected;
        let upgrades = match &carrier {
            Carrier::Own(_) => Upgrades::new(config, cookies.as_ref()).map(Arc::new),
            // How it was made nobody knows, so there is no second one like it.
            Carrier::Users(_) => None,
        };
        let rules = Arc::new(Rules::new(config));
        let keyring = Keyring::new(&config.credentials);
        Self { carrier, upgrades, max_connections: config.max_connections_per_host, keyring, rules, observer }
    }

    /// One to the authority of this key of policies. Its clones share the authority's connections.
    pub(crate) fn to(
        &self,
        key: &str,
        quota: Option<HeedQuota>,
        deadline_header: Option<DeadlineHeader>,
    ) -> Transport {
        let connections =
            self.max_connections.map(|max| Connections::new(key, max, Arc::clone(&self.observer)));
        let root = Url::parse(key).ok();
        let (keys, rules) = (self.keyring.keys(key), Arc::clone(&self.rules));
        Transport {
            carrier: self.carrier.clone(),
            upgrades: self.upgrades.clone(),
            connections: connections.clone(),
            site: Arc::new(Site { root, keys, quota, deadline_header, connections, rules }),
            called: Called::default(),
        }
    }

    pub(crate) const fn reqwest(&self) -> Option<&reqwest::Client> {
        self.carrier.users()
    }
}

impl Transport {
    /// Whether a call has been made since this was asked last.
    pub(crate) fn was_called(&self) -> bool {
        let was_called = self.called.0.load(Relaxed);
        self.called.0.store(false, Relaxed);
        was_called
    }
}

impl Service<Outgoing> for Transport {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Attempt;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(connections) = &mut self.connections {
            ready!(connections.poll_ready(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Outgoing) -> Attempt {
        self.called.0.store(true, Relaxed);
        let name = request.name();
        let upgrade = request.headers().is_some_and(|headers| asks_for_one(request.head.version, headers));
        let permit = match self.connections.as_mut().map(|connections| connections.take(&name)) {
            Some(Ok(permit)) => permit,
            Some(Err(refused)) => return Attempt::failed(refused),
            None => None,
        };
        let site = &*self.site;
        let (head, mut headers, body) = request.into_parts();
        if let Some(header) = site.deadline_header {
            deadline_header::tell(header, &head, &mut headers);
        }
        let reception = head.reception;
        let with_key = match site.keys.add_to(&mut headers, &head.uri, reception, &name) {
            Ok(with_key) => with_key,
            Err(refused) => return Attempt::failed(refused),
        };
        let uri = match site.admitted(with_key.unwrap_or_else(|| head.uri.clone()), &name) {
            Ok(uri) => uri,
            Err(refused) => return Attempt::failed(refused),
        };
        let mut request = Request::new(body);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        *request.version_mut() = head.version;
        if self.carrier.users().is_some() {
            // By them a reqwest client is told more of a request.
            request.extensions_mut().clone_from(&head.extensions);
        }
        let carrier = match self.upgrades.as_ref().filter(|_| upgrade).map(|upgrades| upgrades.carrier()) {
            None => &self.carrier,
            Some(Ok(carrier)) => carrier,
            Some(Err(error)) => return Attempt::failed(error),
        };
        let pending = match carrier.send(request, &name) {
            Ok(pending) => pending,
            Err(error) => return Attempt::failed(failure::of_request(error, (&name).into())),
        };
        Attempt::sent(pending, Order { name, permit, site: Arc::clone(&self.site) })
    }
}

impl Site {
    /// The URL as it is dialled and sent, if it may be called. What is spelled so already is not taken apart.
    fn admitted(&self, uri: Uri, call: &CallName) -> Result<Uri, Error> {
        let guards = &self.rules.guards;
        if let Some(root) = self.root.as_ref().filter(|root| is_plainly_below(root, &uri)) {
            guards.check_url(root, call)?;
            return Ok(uri);
        }
        let invalid = |error: BoxError| failure::of_request(error, call.into());
        let url = Url::parse(&uri.to_string()).map_err(|error| invalid(error.into()))?;
        guards.check_url(&url, call)?;
        Uri::try_from(url.as_str()).map_err(|error| invalid(error.into()))
    }
}

/// Whether scheme, host and port are the same, letter by letter, and there is nothing in the rest that is sent otherwise.
fn is_plainly_below(root: &Url, uri: &Uri) -> bool {
    uri.scheme_str() == Some(root.scheme())
        && uri.authority().is_some_and(|authority| {
            authority.as_str() == &root[Position::BeforeUsername..Position::AfterPort]
        })
        && uri.path_and_query().is_none_or(|path| is_plain_path(path.as_str()))
}

impl Rules {
    fn new(config: &HttpConfig) -> Self {
        Self {
            guards: Guards::new(&config.guards),
            max_size: config.guards.max_response_size,
            max_collected_size: config.max_collected_size,
            read_timeout: config.read_timeout,
            follows_redirects: config.max_redirects > 0,
        }
    }

    /// What is to be done with a response, if it is to be had at all.
    fn receive(&self, response: &Response<Body>, call: &CallName) -> Result<Limits, Error> {
        self.guards.check_headers(response, call)?;
        let reception = call.reception();
        let follows = self.follows_redirects && is_redirect(response);
        let collect = reception.collect && !follows;
        let configured = if collect { Some(self.max_collected_size) } else { self.max_size };
        let max = reception.max_size.or(configured);
        // A body that says that it is too large need not be read to believe it.
        if let Some(max) = max.filter(|max| response.body().size_hint().lower() > *max) {
            return Err(too_large(call.into(), max));
        }
        Ok(Limits { max, collect: max.filter(|_| collect) })
    }
}

/// How much of a body is read.
struct Limits {
    /// How many bytes it may have.
    max: Option<u64>,
    /// The same, if it is to be collected.
    collect: Option<u64>,
}
