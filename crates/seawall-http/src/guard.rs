//! What is not called, and what is not read: the guards of [`GuardsConfig`].

mod addresses;
mod hosts;
mod resolver;

use std::sync::Arc;

use http::{HeaderMap, Response};
use seawall_core::{Error, FailureKind, Name};
use url::{Host, Url};

use crate::config::GuardsConfig;
use crate::target::CallName;

pub(crate) use addresses::is_public;
pub(crate) use hosts::HostRule;
pub(crate) use resolver::{PrivateName, Resolver};

/// The guards of one client.
#[derive(Clone, Debug)]
pub(crate) struct Guards {
    /// What is looked at before a request is sent, if anything is.
    destinations: Option<Arc<Destinations>>,
    max_headers: usize,
    max_header_bytes: usize,
}

#[derive(Debug)]
struct Destinations {
    allowed_hosts: Vec<HostRule>,
    refuse_private: bool,
}

impl Guards {
    /// Those of a configuration that was found to be valid.
    pub(crate) fn new(config: &GuardsConfig) -> Self {
        let allowed_hosts: Vec<_> =
            config.allowed_hosts.iter().filter_map(|host| HostRule::parse(host).ok()).collect();
        let refuse_private = config.refuse_private_addresses;
        let any = refuse_private || !allowed_hosts.is_empty();
        Self {
            destinations: any.then(|| Arc::new(Destinations { allowed_hosts, refuse_private })),
            max_headers: config.max_response_headers as usize,
            max_header_bytes: config.max_response_header_bytes as usize,
        }
    }

    /// Whether this URL, as it will be dialled, may be called. Names are looked at again when they are resolved.
    pub(crate) fn check_url(&self, url: &Url, call: &CallName) -> Result<(), Error> {
        match (&self.destinations, url.host()) {
            (Some(destinations), Some(host)) => destinations.check(&host, call),
            _ => Ok(()),
        }
    }

    /// Whether the response's headers are few and short enough.
    pub(crate) fn check_headers<B>(&self, response: &Response<B>, call: &CallName) -> Result<(), Error> {
        let headers = response.headers();
        if headers.len() > self.max_headers {
            return Err(refused(
                call,
                format!(
                    "the response has {} header lines, and guards.max_response_headers allows {}",
                    headers.len(),
                    self.max_headers
                ),
            ));
        }
        let bytes = size(headers);
        if bytes > self.max_header_bytes {
            return Err(refused(
                call,
                format!(
                    "the response's headers have {bytes} bytes, and guards.max_response_header_bytes allows {}",
                    self.max_header_bytes
                ),
            ));
        }
        Ok(())
    }
}

impl Destinations {
    fn check(&self, host: &Host<&str>, call: &CallName) -> Result<(), Error> {
        if !self.allowed_hosts.is_empty() && !self.allowed_hosts.iter().any(|rule| rule.allows(host)) {
            return Err(
                refused(call, format!("host `{host}` is not among guards.allowed_hosts")).not_executed()
            );
        }
        let address = match host {
            Host::Ipv4(address) => (*address).into(),
            Host::Ipv6(address) => (*address).into(),
            Host::Domain(_) => return Ok(()),
        };
        if self.refuse_private && !is_public(address) {
            return Err(refused(
                call,
                format!("{address} is no public address, and guards.refuse_private_addresses is on"),
            )
            .not_executed());
        }
        Ok(())
    }
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

fn refused(call: &CallName, message: String) -> Error {
    Error::new(FailureKind::Refused, "http", Name::from(call)).with_message(message)
}
