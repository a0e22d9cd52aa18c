//! Reads the URL of a client: one server, or several that know where the data is.

#[cfg(any(feature = "cluster", feature = "sentinel"))]
mod several;

use redis::{ConnectionInfo, IntoConnectionInfo};
use seawall_core::Error;

use crate::classify::misconfigured;
#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(crate) use several::at;
#[cfg(feature = "cluster")]
use several::cluster;
#[cfg(feature = "sentinel")]
use several::sentinels;

/// What a URL names.
pub(crate) struct Address {
    /// How the servers that hold the data are spoken to, and the address of the first that is named.
    pub(crate) server: ConnectionInfo,
    pub(crate) topology: Topology,
}

/// Where the data is.
pub(crate) enum Topology {
    /// On the server that is named.
    One,
    /// On the primary of this name, wherever the sentinels that are named say that it is.
    #[cfg(feature = "sentinel")]
    Sentinels { primary: String, sentinels: Vec<ConnectionInfo> },
    /// On many servers, some of which are named.
    #[cfg(feature = "cluster")]
    Cluster { seeds: Vec<(String, u16)> },
}

impl Address {
    /// Reads it. No error shows any part of it, which may be a password.
    pub(crate) fn read(url: &str) -> Result<Self, Error> {
        match url.split_once("://") {
            Some(("redis-sentinel", rest)) => sentinels("redis", rest),
            Some(("rediss-sentinel", rest)) => sentinels("rediss", rest),
            Some(("redis-cluster", rest)) => cluster("redis", rest),
            Some(("rediss-cluster", rest)) => cluster("rediss", rest),
            _ => Ok(Self { server: server(url)?, topology: Topology::One }),
        }
    }
}

fn server(url: &str) -> Result<ConnectionInfo, Error> {
    url.into_connection_info().map_err(|cause| {
        // The driver repeats no part of the URL but what it does not understand of it.
        let words = "the URL cannot be read: write `redis://user:password@host:port/database`, `rediss://…` for TLS, \
            `redis-sentinel://…` for sentinels, `redis-cluster://…` for a cluster, or `unix:///path`";
        misconfigured(format!("{words} ({})", cause.category()))
    })
}

#[cfg(not(feature = "cluster"))]
fn cluster(_scheme: &str, _rest: &str) -> Result<Address, Error> {
    Err(misconfigured(
        "the URL names a cluster, which was not compiled in: switch the feature `cluster` of `seawall-redis` on \
         (`redis-cluster` of `seawall`)",
    ))
}

#[cfg(not(feature = "sentinel"))]
fn sentinels(_scheme: &str, _rest: &str) -> Result<Address, Error> {
    Err(misconfigured(
        "the URL names sentinels, which were not compiled in: switch the feature `sentinel` of `seawall-redis` on \
         (`redis-sentinel` of `seawall`)",
    ))
}
