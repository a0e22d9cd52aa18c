use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use seawall_core::BoxError;
use tower::Service;

use super::is_public;

/// Looks names up as the system does, and hands out, if told so, only the addresses that are public. What it hands out is
/// what is dialled, so that a name that means one thing when it is looked at and another when it is called gains nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver {
    only_public: bool,
}

impl Resolver {
    pub(crate) const fn new(only_public: bool) -> Self {
        Self { only_public }
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let only_public = self.only_public;
        Box::pin(async move {
            // The port is put in by who asks.
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let dialled = if only_public { self::only_public(found)? } else { found };
            Ok(dialled.into_iter())
        })
    }
}

fn only_public(mut found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, PrivateName> {
    let first = found.first().copied();
    found.retain(|address| is_public(address.ip()));
    match first {
        Some(private) if found.is_empty() => Err(PrivateName(private)),
        _ => Ok(found),
    }
}

/// A name has no public address.
#[derive(Debug)]
pub(crate) struct PrivateName(SocketAddr);

impl fmt::Display for PrivateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no public address, and guards.refuse_private_addresses is on", self.0.ip())
    }
}

impl std::error::Error for PrivateName {}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(addresses: &[&str]) -> Result<Vec<String>, String> {
        let found = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
        match only_public(found) {
            Ok(public) => Ok(public.iter().map(|address| address.ip().to_string()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn only_the_public_addresses_of_a_name_are_dialled() {
        assert_eq!(resolved(&["10.0.0.1", "8.8.8.8", "::1"]).unwrap(), ["8.8.8.8"]);
    }

    #[test]
    fn a_name_that_has_none_is_refused_with_one_that_it_has() {
        let refused = resolved(&["::ffff:169.254.169.254", "127.0.0.1"]).unwrap_err();
        assert!(refused.starts_with("::ffff:169.254.169.254 is no public address"), "{refused}");
        assert_eq!(resolved(&[]).unwrap(), Vec::<String>::new());
    }
}
