//! How a connection is made: the name looked up, a proxy in between if there is one, TLS around it, and one limit on the
//! time that all this takes.

mod proxies;
mod socket;
mod tls;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::USER_AGENT;
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Uri};
use hyper_rustls::{DefaultServerNameResolver, HttpsConnector, ResolveServerName};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::Intercept;
use rustls::ClientConfig;
use seawall_core::{BoxError, Error};
use tower::Service;

use crate::config::{HttpConfig, HttpVersion};
use crate::guard::Resolver;

pub(crate) use proxies::Proxies;
pub(crate) use socket::Socket;

/// After so much silence a socket is asked for a sign of life, and as often again, three times.
const SILENCE: Duration = Duration::from_secs(15);
/// How long what was sent may stay unacknowledged.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Makes connections. Clones share all.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Ways>);

struct Ways {
    tcp: HttpConnector<Resolver>,
    tls: Arc<ClientConfig>,
    /// The same for a proxy itself, which is not asked for HTTP/2.
    tls_to_proxy: Arc<ClientConfig>,
    proxies: Option<Arc<Proxies>>,
    user_agent: HeaderValue,
    limit: Duration,
}

impl Connector {
    pub(crate) fn new(
        config: &HttpConfig,
        version: HttpVersion,
        proxies: Option<Arc<Proxies>>,
        user_agent: HeaderValue,
    ) -> Result<Self, Error> {
        let tls = tls::client_config(&config.tls, version)?;
        let mut tls_to_proxy = tls.clone();
        tls_to_proxy.alpn_protocols.clear();
        Ok(Self(Arc::new(Ways {
            tcp: tcp(config),
            tls: Arc::new(tls),
            tls_to_proxy: Arc::new(tls_to_proxy),
            proxies,
            user_agent,
            limit: config.connect_timeout,
        })))
    }
}

fn tcp(config: &HttpConfig) -> HttpConnector<Resolver> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new(config.guards.refuse_private_addresses));
    // What comes from above is `https:` too: TLS is spoken over it.
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // Of several addresses each has its share of the time.
    tcp.set_connect_timeout(Some(config.connect_timeout));
    tcp.set_keepalive(Some(SILENCE));
    tcp.set_keepalive_interval(Some(SILENCE));
    tcp.set_keepalive_retries(Some(3));
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    tcp
}

impl Service<Uri> for Connector {
    type Response = Socket;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Socket, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let ways = Arc::clone(&self.0);
        Box::pin(async move {
            let connected = tokio::time::timeout(ways.limit, ways.connect(to)).await;
            connected.unwrap_or_else(|_elapsed| Err(ConnectTimedOut.into()))
        })
    }
}

impl Ways {
    async fn connect(&self, to: Uri) -> Result<Socket, BoxError> {
        match self.proxies.as_ref().and_then(|proxies| proxies.to(&to)) {
            None => Ok(Socket::new(self.over_tls(self.tcp.clone()).call(to).await?)),
            Some(proxy) => match proxy.uri().scheme_str() {
                Some("socks4" | "socks4a" | "socks5" | "socks5h") => self.through_socks(&proxy, to).await,
                _ if to.scheme() == Some(&Scheme::HTTPS) => self.through_tunnel(&proxy, to).await,
                // It takes the whole URL and asks for it itself.
                _ => {
                    let proxy = self.over_tls(self.tcp.clone()).call(proxy.uri().clone()).await?;
                    Ok(Socket::new(proxy).of_proxy())
                }
            },
        }
    }

    /// An HTTP proxy that is told to pass everything on, which is TLS and nothing that it can read.
    async fn through_tunnel(&self, proxy: &Intercept, to: Uri) -> Result<Socket, BoxError> {
        let to_proxy = HttpsConnector::from((self.tcp.clone(), Arc::clone(&self.tls_to_proxy)));
        let tunnel = Tunnel::new(proxy.uri().clone(), to_proxy)
            .with_headers(HeaderMap::from_iter([(USER_AGENT, self.user_agent.clone())]));
        let tunnel = match proxy.basic_auth() {
            Some(credentials) => tunnel.with_auth(credentials.clone()),
            None => tunnel,
        };
        Ok(Socket::new(self.over_tls(tunnel).call(to).await?))
    }

    async fn through_socks(&self, proxy: &Intercept, to: Uri) -> Result<Socket, BoxError> {
        let scheme = proxy.uri().scheme_str();
        let looks_up_here = matches!(scheme, Some("socks4" | "socks5"));
        let dialled = if looks_up_here { proxies::looked_up(&to).await? } else { to.clone() };
        let at = proxies::with_port_of_socks(proxy.uri())?;
        // The certificate is to be for the name that was called, whatever the proxy is told.
        let name = move |_dialled: &Uri| DefaultServerNameResolver::default().resolve(&to);
        let (tls, name) = (Arc::clone(&self.tls), Arc::new(name));
        let connected = if matches!(scheme, Some("socks4" | "socks4a")) {
            let socks = SocksV4::new(at, self.tcp.clone());
            HttpsConnector::new(socks, tls, false, name).call(dialled).await?
        } else {
            let socks = SocksV5::new(at, self.tcp.clone());
            let socks = match proxy.raw_auth() {
                Some((user, password)) => socks.with_auth(user.to_owned(), password.to_owned()),
                None => socks,
            };
            HttpsConnector::new(socks, tls, false, name).call(dialled).await?
        };
        Ok(Socket::new(connected))
    }

    /// `https:` by TLS over these connections, and `http:` as they are.
    fn over_tls<C>(&self, connector: C) -> HttpsConnector<C> {
        HttpsConnector::from((connector, Arc::clone(&self.tls)))
    }
}

impl fmt::Debug for Connector {
    /// Without keys and proxies, which have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("limit", &self.0.limit).finish_non_exhaustive()
    }
}

/// A connection was not there in time.
#[derive(Debug)]
pub(crate) struct ConnectTimedOut;

impl fmt::Display for ConnectTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation timed out")
    }
}

impl std::error::Error for ConnectTimedOut {}
