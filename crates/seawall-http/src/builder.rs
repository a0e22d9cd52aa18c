//! The client beneath it all that a configuration describes.

use std::sync::Arc;

use http::HeaderValue;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use seawall_core::{BoxError, Error, FailureKind};

use crate::config::{HttpConfig, HttpVersion};
use crate::connect::{Connector, Proxies};
use crate::cookies::Cookies;
use crate::transport::{Carrier, Client};

/// What carries requests, and what is known of it.
pub(crate) struct Connected {
    pub(crate) carrier: Carrier,
    /// The jar that it keeps its cookies in.
    pub(crate) cookies: Option<Cookies>,
}

impl Connected {
    /// A client that nothing is known of.
    pub(crate) const fn of_the_user(client: reqwest::Client) -> Self {
        Self { carrier: Carrier::Users(client), cookies: None }
    }
}

/// The client of a configuration that was found to be valid.
pub(crate) fn client(config: &HttpConfig) -> Result<Connected, Error> {
    let cookies = config.cookies.then(Cookies::default);
    let client = build(config, config.http_version, cookies.as_ref())?;
    Ok(Connected { carrier: Carrier::Own(Arc::new(client)), cookies })
}

/// The same, but for connections that change their protocol, which only those of HTTP/1.1 do.
pub(crate) fn for_upgrades(config: &HttpConfig, cookies: Option<&Cookies>) -> Result<Client, Error> {
    build(config, HttpVersion::Http1, cookies)
}

fn build(config: &HttpConfig, version: HttpVersion, cookies: Option<&Cookies>) -> Result<Client, Error> {
    let user_agent = HeaderValue::from_str(&config.user_agent).map_err(|error| wrong("user_agent", error))?;
    let proxies = Proxies::new(&config.proxy)?.map(Arc::new);
    let connector = Connector::new(config, version, proxies.clone(), user_agent.clone())?;
    let client = pool(config, version).build(connector);
    Ok(Client::new(client, config, user_agent, proxies, cookies.cloned()))
}

fn pool(config: &HttpConfig, version: HttpVersion) -> legacy::Builder {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(config.pool_max_idle_per_host)
        .pool_idle_timeout(config.pool_idle_timeout)
        .http2_max_header_list_size(config.guards.max_response_header_bytes)
        .http2_only(version == HttpVersion::Http2);
    if let Some(interval) = config.http2_ping_interval {
        builder.http2_keep_alive_interval(interval).http2_keep_alive_timeout(interval);
    }
    // Saying how many costs an allocation a response, so it is not said where the default will do.
    if config.guards.max_response_headers > 100 {
        builder.http1_max_headers(config.guards.max_response_headers as usize);
    }
    builder
}

pub(crate) fn wrong(field: impl Into<String>, cause: impl Into<BoxError>) -> Error {
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
