//! URLs that name several hosts, which the driver does not read.

use redis::{ConnectionAddr, ConnectionInfo};
use seawall_core::Error;

use super::{Address, Topology, server};
use crate::classify::misconfigured;

/// `user:password@host:port,host:port/primary/database?sentinel_user=…&sentinel_password=…`
#[cfg(feature = "sentinel")]
pub(super) fn sentinels(scheme: &str, rest: &str) -> Result<Address, Error> {
    const FORM: &str = "write `redis-sentinel://user:password@host:port,host:port/primary/database\
        ?sentinel_user=…&sentinel_password=…`";
    const USUAL_PORT: u16 = 26379;
    let wrong = |what: &str| misconfigured(format!("{what} in the URL of the sentinels: {FORM}"));
    let parts = Several::read(rest);
    let (primary, database) = parts.path.split_once('/').unwrap_or((parts.path, ""));
    if primary.is_empty() {
        return Err(wrong("there is no name of a primary"));
    }
    let (mut user, mut password) = ("", "");
    for (key, value) in parts.query {
        match key {
            "sentinel_user" => user = value,
            "sentinel_password" => password = value,
            _ => return Err(wrong("there is a word that means nothing after the `?`")),
        }
    }
    let login =
        if user.is_empty() && password.is_empty() { String::new() } else { format!("{user}:{password}@") };
    let sentinels =
        parts.hosts.map(|host| server(&format!("{scheme}://{login}{}", with_port(host, USUAL_PORT))));
    let sentinels = sentinels.collect::<Result<Vec<_>, _>>()?;
    let Some(first) = sentinels.first() else { return Err(wrong("there is no host")) };
    // The driver reads what is the same for all servers; each has the address that the sentinels tell.
    let template = server(&format!("{scheme}://{}localhost/{database}", parts.login))?;
    Ok(Address {
        server: template.set_addr(first.addr().clone()),
        topology: Topology::Sentinels { primary: primary.to_owned(), sentinels },
    })
}

/// `user:password@host:port,host:port`
#[cfg(feature = "cluster")]
pub(super) fn cluster(scheme: &str, rest: &str) -> Result<Address, Error> {
    let wrong = |what: &str| {
        misconfigured(format!(
            "{what} in the URL of the cluster: write `redis-cluster://user:password@host:port,host:port`"
        ))
    };
    let mut parts = Several::read(rest);
    if !matches!(parts.path, "" | "0") {
        return Err(wrong("there is a database, of which a cluster has one only,"));
    }
    if parts.query.next().is_some() {
        return Err(wrong("there is a word that means nothing after the `?`"));
    }
    let hosts = parts.hosts.map(|host| server(&format!("{scheme}://{}{host}", parts.login)));
    let hosts = hosts.collect::<Result<Vec<_>, _>>()?;
    let seeds = hosts.iter().filter_map(|host| match host.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Some((host.clone(), *port))
        }
        _ => None,
    });
    let seeds = seeds.collect();
    let first = hosts.into_iter().next().ok_or_else(|| wrong("there is no host"))?;
    Ok(Address { server: first, topology: Topology::Cluster { seeds } })
}

/// A URL with several hosts, less its scheme.
struct Several<'a, Hosts, Query> {
    /// With the `@`, if there is one.
    login: &'a str,
    hosts: Hosts,
    path: &'a str,
    query: Query,
}

impl<'a> Several<'a, (), ()> {
    fn read(
        rest: &'a str,
    ) -> Several<'a, impl Iterator<Item = &'a str>, impl Iterator<Item = (&'a str, &'a str)>> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        Several {
            login,
            hosts: hosts.split(',').filter(|host| !host.is_empty()),
            path,
            query: query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').unwrap_or((pair, ""))),
        }
    }
}

#[cfg(feature = "sentinel")]
fn with_port(host: &str, usual: u16) -> String {
    // An address of version 6 has colons of its own, and brackets around it.
    let name_ends = host.rfind(']').unwrap_or(0);
    if host[name_ends..].contains(':') { host.to_owned() } else { format!("{host}:{usual}") }
}

/// The same way of speaking to another server.
pub(crate) fn at(info: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let addr = match info.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(addr)
}
