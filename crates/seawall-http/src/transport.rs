//! The innermost service: one attempt over a `reqwest::Client`.

mod attempt;
mod upgrades;
mod upload;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, Request, Response, Uri};
use http_body::Body as _;
use seawall_core::{Error, Observer};
use seawall_tower::DeadlineHeader;
use tower::Service;
use url::{Position, Url};

use crate::Body;
use crate::body::too_large;
use crate::builder::Connected;
use crate::config::HttpConfig;
use crate::connections::Connections;
use crate::deadline_header;
use crate::guard::Guards;
use crate::keyring::{Keyring, Keys};
use crate::outgoing::{Head, Outgoing};
use crate::quota::HeedQuota;
use crate::redirect::is_redirect;
use crate::target::CallName;

use attempt::{Attempt, Order};
use upgrades::{Upgrades, asks_for_one};

/// One attempt over a `reqwest::Client`, once there is a connection to be had.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    client: reqwest::Client,
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
    /// A URL there, to be given other paths: taken apart once, and not for each request.
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
    /// Whether the client beneath may have followed some itself.
    may_be_elsewhere: bool,
}

/// What every transport of a client is made of.
pub(crate) struct Transports {
    client: reqwest::Client,
    upgrades: Option<Arc<Upgrades>>,
    max_connections: Option<NonZeroU32>,
    keyring: Keyring,
    rules: Arc<Rules>,
    observer: Arc<dyn Observer>,
}

impl Transports {
    pub(crate) fn new(connected: Connected, config: &HttpConfig, observer: Arc<dyn Observer>) -> Self {
        let Connected { client, cookies, of_the_user } = connected;
        // How the user's own was made nobody knows, so there is no second one like it.
        let upgrades = if of_the_user { None } else { Upgrades::new(config, cookies.as_ref()).map(Arc::new) };
        let rules = Arc::new(Rules::new(config, of_the_user));
        let keyring = Keyring::new(&config.credentials);
        Self { client, upgrades, max_connections: config.max_connections_per_host, keyring, rules, observer }
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
        // A path with room for others, so that its copies have it too: their buffers are as long as they are.
        let root = Url::parse(&format!("{key}/{:0>128}", "")).ok();
        let (keys, rules) = (self.keyring.keys(key), Arc::clone(&self.rules));
        Transport {
            client: self.client.clone(),
            upgrades: self.upgrades.clone(),
            connections: connections.clone(),
            site: Arc::new(Site { root, keys, quota, deadline_header, connections, rules }),
            called: Called::default(),
        }
    }

    pub(crate) const fn client(&self) -> &reqwest::Client {
        &self.client
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
        let request = match site.prepare(&head, with_key.as_ref().unwrap_or(&head.uri), headers, body) {
            Ok(request) => request,
            Err(error) => return Attempt::failed(crate::failure::of_request(error, (&name).into())),
        };
        if let Err(refused) = site.rules.guards.check_url(request.url(), &name) {
            return Attempt::failed(refused);
        }
        let pending = match self.upgrades.as_ref().filter(|_| upgrade).map(|upgrades| upgrades.client()) {
            None => Service::call(&mut self.client, request),
            Some(Ok(mut client)) => Service::call(&mut client, request),
            Some(Err(error)) => return Attempt::failed(error),
        };
        Attempt::sent(pending, Order { name, permit, site: Arc::clone(&self.site) })
    }
}

impl Site {
    /// The request as reqwest has it.
    fn prepare(
        &self,
        head: &Head,
        uri: &Uri,
        headers: HeaderMap,
        body: Body,
    ) -> reqwest::Result<reqwest::Request> {
        let body = upload::into_reqwest(body);
        let below = self.root.as_ref().filter(|root| is_below(root, uri));
        match below {
            // What else it is told of a request there is no other way to hand on.
            Some(root) if head.extensions.is_empty() => {
                let mut url = root.clone();
                url.set_path(uri.path());
                url.set_query(uri.query());
                let mut request = reqwest::Request::new(head.method.clone(), url);
                *request.headers_mut() = headers;
                *request.version_mut() = head.version;
                *request.body_mut() = Some(body);
                Ok(request)
            }
            _ => {
                let mut request = Request::new(body);
                *request.method_mut() = head.method.clone();
                *request.uri_mut() = uri.clone();
                *request.headers_mut() = headers;
                *request.version_mut() = head.version;
                *request.extensions_mut() = head.extensions.clone();
                reqwest::Request::try_from(request)
            }
        }
    }
}

/// Whether scheme, host and port are the same, letter by letter.
fn is_below(root: &Url, uri: &Uri) -> bool {
    uri.scheme_str() == Some(root.scheme())
        && uri.authority().is_some_and(|authority| {
            authority.as_str() == &root[Position::BeforeUsername..Position::AfterPort]
        })
}

impl Rules {
    fn new(config: &HttpConfig, may_be_elsewhere: bool) -> Self {
        Self {
            guards: Guards::new(&config.guards),
            max_size: config.guards.max_response_size,
            max_collected_size: config.max_collected_size,
            read_timeout: config.read_timeout,
            follows_redirects: config.max_redirects > 0,
            may_be_elsewhere,
        }
    }

    /// What is to be done with a response, if it is to be had at all.
    fn receive(&self, response: &Response<reqwest::Body>, call: &CallName) -> Result<Limits, Error> {
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
