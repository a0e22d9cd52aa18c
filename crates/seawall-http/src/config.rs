mod credentials;
mod guards;
mod pem;
mod proxy;
mod tls;

use std::num::NonZeroU32;
use std::time::Duration;

use http::HeaderValue;
use seawall_core::{InvalidConfig, friendly_duration, or_off};
use seawall_tower::{DeadlineHeader, PipelineConfig};
use serde::{Deserialize, Serialize};

use crate::http_cache::HttpCacheConfig;

pub(crate) use credentials::origin_of;
pub use credentials::{Credentials, CredentialsConfig, Secret};
pub use guards::GuardsConfig;
pub use pem::Pem;
pub use proxy::{Proxy, ProxyConfig};
pub use tls::{TlsConfig, TlsVersion};

/// Configuration of an [`Http`](crate::Http) client.
///
/// | field | default | what it is |
/// |---|---|---|
/// | `user_agent` | `seawall/VERSION` | sent with every request that has no `User-Agent` of its own |
/// | `http_version` | `auto` | HTTP/2 where the server offers it under TLS, else HTTP/1.1 |
/// | `https_only` | `false` | refuse plain `http://`, redirects included |
/// | `connect_timeout` | 30 s | for the TCP and TLS handshakes; the attempt time-out cuts them too |
/// | `read_timeout` | 30 s | the longest wait for the next part of a response body; or `"off"` |
/// | `max_connections_per_host` | 10 | requests under way at a `scheme://host:port` over HTTP/1, until their responses are read; or `"off"` |
/// | `pool_max_idle_per_host` | 10 | idle connections kept per host |
/// | `pool_idle_timeout` | 300 s | how long an idle connection is kept |
/// | `http2_ping_interval` | 30 s | how long an HTTP/2 connection with requests under way may be silent before it is asked whether it lives; or `"off"` |
/// | `max_redirects` | 10 | redirects followed before the call fails; 0 hands the redirect to the caller |
/// | `cache` | `"off"` | a cache of responses in front of it all: see [`HttpCacheConfig`] |
/// | `deadline_header` | `grpc-timeout` | the header that tells the server how much time an attempt has; or `"off"` |
/// | `quota_pause` | 5 min | how long, at the most, a server is left alone that says that nothing is left of a quota; or `"off"` |
/// | `max_replay_body` | 8 MiB | a request body of more bytes is sent once: a call with it is not repeated |
/// | `max_collected_size` | 16 MiB | the largest response that [`collect`](crate::RequestBuilder::collect) and its sisters hold in memory |
/// | `decompress` | `true` | ask for gzip, brotli, zstd or deflate, and undo them |
/// | `cookies` | `false` | keep cookies and send them back: at most 3000, and 50 of a domain |
/// | `credentials` | none | what is sent to which origin: see [`CredentialsConfig`] |
/// | `proxy` | `system` | which proxy: see [`Proxy`] |
/// | `tls` | | certificates and versions: see [`TlsConfig`] |
/// | `guards` | | what is refused: see [`GuardsConfig`] |
/// | `pipeline.deadline` | 30 s | for a whole call, all attempts, waits and redirects included, until the response's headers, or its end if it is collected |
/// | `pipeline.attempt_timeout` | 8 s | for one attempt, until the response's headers, or its end if it is collected |
/// | `pipeline.hedge` | `"off"` | when an idempotent request that is slow is sent a second time |
/// | `pipeline.concurrency_limit` | adaptive | requests under way at a server, until the response's headers; or `"off"` |
/// | `pipeline.rate_limit` | `"off"` | requests to a server each second, if it has a limit of its own |
/// | `pipeline.*` | | the other policies: see [`PipelineConfig`] |
///
/// What is not to be chosen: sockets are `TCP_NODELAY`, and asked for a sign of life after 15 s of silence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Sent with every request that has no `User-Agent` of its own.
    pub user_agent: String,
    /// Which version of HTTP to speak.
    pub http_version: HttpVersion,
    /// Whether plain `http://` is refused, redirects included.
    pub https_only: bool,
    /// For the TCP and TLS handshakes of a new connection. Above zero.
    #[serde(with = "friendly_duration")]
    pub connect_timeout: Duration,
    /// The longest wait for the next part of a response body. Above zero; `None` (`"off"`) waits for ever.
    #[serde(with = "or_off::duration")]
    pub read_timeout: Option<Duration>,
    /// How many requests may be under way at a `scheme://host:port` over HTTP/1, each of which takes a connection until
    /// its response is read to the end or dropped; one of up to 8 KiB is read at once, so that it frees it by itself. The
    /// others wait in turn, the more urgent first, until their deadline.
    /// HTTP/2 sends all requests over one connection, so that it does not count them. `None` (`"off"`) is no limit.
    #[serde(with = "or_off")]
    pub max_connections_per_host: Option<NonZeroU32>,
    /// How many idle connections are kept per host.
    pub pool_max_idle_per_host: usize,
    /// How long an idle connection is kept.
    #[serde(with = "friendly_duration")]
    pub pool_idle_timeout: Duration,
    /// How long an HTTP/2 connection with requests under way may be silent before it is asked whether it lives; without
    /// an answer in the same time it is closed. Above zero; `None` (`"off"`) trusts it.
    #[serde(with = "or_off::duration")]
    pub http2_ping_interval: Option<Duration>,
    /// How many redirects are followed before the call fails; with 0 the caller gets the redirect itself.
    pub max_redirects: usize,
    /// A cache of responses in front of it all; `None` (`"off"`) asks the server each time.
    #[serde(with = "or_off")]
    pub cache: Option<HttpCacheConfig>,
    /// The header that tells the server how much time an attempt has, for it to stop when its answer is of no use any
    /// more (`seawall_tower::CallerDeadlineLayer` does). `None` (`"off"`) tells nothing.
    #[serde(with = "or_off")]
    pub deadline_header: Option<DeadlineHeader>,
    /// How long, at the most, a server is left alone whose answer says that nothing is left of a [quota](crate::quota())
    /// of requests, or that answers 429 with a `Retry-After`: calls wait until then, or are refused if their time is
    /// over before. Above zero; `None` (`"off"`) leaves it to the retries of each call.
    #[serde(with = "or_off::duration")]
    pub quota_pause: Option<Duration>,
    /// A request body of more bytes is sent once, so that it need not be kept until the response is there: a call with
    /// it is not repeated.
    pub max_replay_body: usize,
    /// The largest response that is collected in memory, in bytes; a request can say
    /// [otherwise](crate::RequestBuilder::max_response_size).
    pub max_collected_size: u64,
    /// Whether to ask for gzip, brotli, zstd or deflate, and undo them. Limits on size count what comes out.
    pub decompress: bool,
    /// Whether cookies are kept and sent back; see [`Http::cookies`](crate::Http::cookies).
    pub cookies: bool,
    /// What is sent to which origin.
    pub credentials: CredentialsConfig,
    /// Which proxy requests go through.
    pub proxy: Proxy,
    /// Certificates and versions.
    pub tls: TlsConfig,
    /// What is refused.
    pub guards: GuardsConfig,
    /// Deadline, retry, circuit breaker, limits and attempt time-out, one set of states per `scheme://host:port`.
    pub pipeline: PipelineConfig,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            user_agent: concat!("seawall/", env!("CARGO_PKG_VERSION")).to_owned(),
            http_version: HttpVersion::Auto,
            https_only: false,
            connect_timeout: Duration::from_secs(30),
            read_timeout: Some(Duration::from_secs(30)),
            max_connections_per_host: NonZeroU32::new(10),
            pool_max_idle_per_host: 10,
            pool_idle_timeout: Duration::from_mins(5),
            http2_ping_interval: Some(Duration::from_secs(30)),
            max_redirects: 10,
            cache: None,
            deadline_header: Some(DeadlineHeader::default()),
            quota_pause: Some(Duration::from_mins(5)),
            max_replay_body: 8 << 20,
            max_collected_size: Self::DEFAULT_MAX_COLLECTED_SIZE,
            decompress: true,
            cookies: false,
            credentials: CredentialsConfig::default(),
            proxy: Proxy::default(),
            tls: TlsConfig::default(),
            guards: GuardsConfig::default(),
            pipeline: PipelineConfig::default(),
        }
    }
}

impl HttpConfig {
    pub(crate) const DEFAULT_MAX_COLLECTED_SIZE: u64 = 16 << 20;

    /// Checks every rule named at the fields, and those of the sections.
    ///
    /// # Errors
    ///
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if HeaderValue::from_str(&self.user_agent).is_err() {
            return Err(InvalidConfig::new(
                "user_agent",
                format!("{:?}", self.user_agent),
                "must be visible ascii",
            ));
        }
        for (field, time) in [
            ("connect_timeout", Some(self.connect_timeout)),
            ("read_timeout", self.read_timeout),
            ("quota_pause", self.quota_pause),
            ("http2_ping_interval", self.http2_ping_interval),
        ] {
            if time.is_some_and(|time| time.is_zero()) {
                return Err(InvalidConfig::new(field, "0s", "must be above zero"));
            }
        }
        if let Some(cache) = &self.cache {
            cache.validate().map_err(|invalid| invalid.within("cache"))?;
        }
        self.credentials.validate().map_err(|invalid| invalid.within("credentials"))?;
        self.proxy.validate().map_err(|invalid| invalid.within("proxy"))?;
        self.guards.validate().map_err(|invalid| invalid.within("guards"))?;
        if self.guards.refuse_private_addresses && self.proxy != Proxy::Off {
            return Err(InvalidConfig::new(
                "guards.refuse_private_addresses",
                true,
                "needs proxy to be \"off\": a proxy looks names up itself, where nobody sees what address it dials",
            ));
        }
        self.pipeline.validate().map_err(|invalid| invalid.within("pipeline"))
    }
}

/// Which version of HTTP a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpVersion {
    /// HTTP/2 where the server offers it under TLS, else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, even without TLS: the server is known to speak it.
    Http2,
}
