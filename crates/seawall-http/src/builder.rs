//! The `reqwest::Client` that a configuration describes.

use reqwest::tls::{Certificate, Identity, Version};
use reqwest::{ClientBuilder, NoProxy};
use seawall_core::{BoxError, Error, FailureKind};

use crate::config::{HttpConfig, HttpVersion, Pem, Proxy, ProxyConfig, TlsConfig, TlsVersion};
use crate::cookies::Cookies;
use crate::failure;
use crate::guard::PublicResolver;

/// A `reqwest::Client`, and what is known of it.
pub(crate) struct Connected {
    pub(crate) client: reqwest::Client,
    /// The jar that it keeps its cookies in.
    pub(crate) cookies: Option<Cookies>,
    /// Whether it is the user's own, which may follow redirects itself.
    pub(crate) of_the_user: bool,
}

impl Connected {
    /// One that nothing is known of.
    pub(crate) const fn of_the_user(client: reqwest::Client) -> Self {
        Self { client, cookies: None, of_the_user: true }
    }
}

/// The client of a configuration that was found to be valid.
pub(crate) fn client(config: &HttpConfig) -> Result<Connected, Error> {
    let cookies = config.cookies.then(Cookies::default);
    let client = build(config, cookies.as_ref())?;
    Ok(Connected { client, cookies, of_the_user: false })
}

/// The same, but for connections that change their protocol, which only those of HTTP/1.1 do.
pub(crate) fn for_upgrades(config: &HttpConfig, cookies: Option<&Cookies>) -> Result<reqwest::Client, Error> {
    build(&HttpConfig { http_version: HttpVersion::Http1, ..config.clone() }, cookies)
}

fn build(config: &HttpConfig, cookies: Option<&Cookies>) -> Result<reqwest::Client, Error> {
    let builder = base(config);
    let builder = tls(builder, &config.tls)?;
    let builder = match &config.proxy {
        Proxy::System if system_may_name_one() => builder,
        Proxy::System | Proxy::Off => builder.no_proxy(),
        Proxy::Through(proxy) => builder.proxy(through(proxy)?),
    };
    let builder = match cookies {
        Some(cookies) => builder.cookie_provider(std::sync::Arc::new(cookies.clone())),
        None => builder,
    };
    let builder =
        if config.guards.refuse_private_addresses { builder.dns_resolver(PublicResolver) } else { builder };
    builder.build().map_err(|error| wrong("", failure::RootCause::new(error)))
}

fn base(config: &HttpConfig) -> ClientBuilder {
    let HttpConfig { decompress, guards, .. } = config;
    let builder = reqwest::Client::builder()
        .user_agent(&config.user_agent)
        .https_only(config.https_only)
        .connect_timeout(config.connect_timeout)
        .pool_max_idle_per_host(config.pool_max_idle_per_host)
        .pool_idle_timeout(config.pool_idle_timeout)
        .tcp_nodelay(true)
        .gzip(*decompress)
        .brotli(*decompress)
        .zstd(*decompress)
        .deflate(*decompress)
        .http2_max_header_list_size(guards.max_response_header_bytes)
        // Ours are followed where each has the policies of its own authority, and guards.
        .redirect(reqwest::redirect::Policy::none())
        // A redirect would tell the next host the URL of the last one, query and all.
        .referer(false)
        // Ours are counted, and paid for.
        .retry(reqwest::retry::never());
    let builder = match config.http2_ping_interval {
        Some(interval) => builder.http2_keep_alive_interval(interval).http2_keep_alive_timeout(interval),
        None => builder,
    };
    // Saying how many costs an allocation a response, so it is not said where the default will do.
    let builder = match guards.max_response_headers {
        0..=100 => builder,
        more => builder.http1_max_headers(more as usize),
    };
    match config.http_version {
        HttpVersion::Auto => builder,
        HttpVersion::Http1 => builder.http1_only(),
        HttpVersion::Http2 => builder.http2_prior_knowledge(),
    }
}

fn tls(mut builder: ClientBuilder, config: &TlsConfig) -> Result<ClientBuilder, Error> {
    let mut roots = Vec::new();
    for pem in &config.extra_roots {
        let found = read(pem, "tls.extra_roots", |text| Ok(Certificate::from_pem_bundle(text)?))?;
        if found.is_empty() {
            return Err(wrong("tls.extra_roots", "there is no certificate in the pem"));
        }
        roots.extend(found);
    }
    builder = match config.only_extra_roots {
        true => builder.tls_certs_only(roots),
        false if roots.is_empty() => builder,
        false => builder.tls_certs_merge(roots),
    };
    if let Some(identity) = &config.identity {
        builder = builder.identity(read(identity, "tls.identity", |text| Ok(Identity::from_pem(text)?))?);
    }
    let oldest = match config.min_version {
        TlsVersion::Tls12 => Version::TLS_1_2,
        TlsVersion::Tls13 => Version::TLS_1_3,
    };
    Ok(builder.tls_version_min(oldest).tls_danger_accept_invalid_certs(config.danger_accept_any_certificate))
}

fn read<T>(
    pem: &Pem,
    field: &'static str,
    parse: impl FnOnce(&[u8]) -> Result<T, BoxError>,
) -> Result<T, Error> {
    let place = || match pem.path() {
        Some(path) => format!("{field}, {}", path.display()),
        None => field.to_owned(),
    };
    let text = pem.read().map_err(|error| wrong(place(), error))?;
    parse(text.expose().as_bytes()).map_err(|error| wrong(place(), error))
}

fn through(config: &ProxyConfig) -> Result<reqwest::Proxy, Error> {
    let proxy = reqwest::Proxy::all(&config.url)
        .map_err(|error| wrong("proxy.url", failure::RootCause::new(error)))?
        .no_proxy(NoProxy::from_string(&config.no_proxy.join(",")));
    Ok(match config.user.as_str() {
        "" => proxy,
        user => proxy.basic_auth(user, config.password.expose()),
    })
}

/// Whether the system could name a proxy. Where it names none, each request would be matched against that all the same,
/// twice.
fn system_may_name_one() -> bool {
    const NAMES: [&str; 6] =
        ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"];
    // Those two have settings beside the environment.
    let has_settings = cfg!(any(windows, target_os = "macos"));
    has_settings || NAMES.iter().any(|name| std::env::var_os(name).is_some())
}

fn wrong(field: impl Into<String>, cause: impl Into<BoxError>) -> Error {
    let field = field.into();
    let message = match field.as_str() {
        "" => "the client cannot be made of this configuration".to_owned(),
        field => format!("the client cannot be made of this configuration: {field}"),
    };
    Error::new(FailureKind::Permanent, "http", "client")
        .not_executed()
        .with_message(message)
        .with_source(cause)
}
