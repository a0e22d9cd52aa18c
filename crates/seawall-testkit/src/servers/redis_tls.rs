use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use super::site::Site;
use super::{Redis, port};
use crate::tls::Authority;

/// What a server shows to its clients and asks of them, in PEM.
#[derive(Clone, Copy, Debug)]
pub struct ServerTls<'a> {
    /// Its certificate.
    pub certificate: &'a str,
    /// The key of that.
    pub key: &'a str,
    /// The authority of its clients' certificates; clients need none if there is none.
    pub clients: Option<&'a str>,
}

/// How several servers speak TLS, to clients and to each other.
#[derive(Clone, Copy, Debug)]
pub struct SetTls<'a> {
    /// Who vouches for all of them.
    pub authority: &'a Authority,
    /// The name or address that the certificates of those with data are made out to.
    pub servers: &'a str,
    /// The same of the sentinels, where there are any.
    pub sentinels: &'a str,
}

impl SetTls<'_> {
    /// Makes a server of the set speak TLS on a port of its own. Returns the port.
    pub(super) fn apply(&self, site: &mut Site, name: &str) -> io::Result<u16> {
        let port = port::free()?;
        let identity = self.authority.issue(&[name])?;
        speak(site, port, &identity.certificate, &identity.key, &self.authority.pem())?;
        // Among themselves they go by the same port, and tell others of no other.
        site.arguments.extend(["--tls-auth-clients", "no", "--tls-replication", "yes"].map(str::to_owned));
        Ok(port)
    }
}

/// Has a server speak TLS.
fn speak(site: &mut Site, port: u16, certificate: &str, key: &str, authority: &str) -> io::Result<()> {
    let files = [
        ("--tls-cert-file", "certificate.pem", certificate),
        ("--tls-key-file", "key.pem", key),
        ("--tls-ca-cert-file", "authority.pem", authority),
    ];
    for (option, name, pem) in files {
        let path = site.write(name, pem)?;
        site.arguments.extend([option.to_owned(), path.display().to_string()]);
    }
    site.arguments.extend(["--tls-port".to_owned(), port.to_string()]);
    Ok(())
}

/// A Redis server of your own that speaks TLS, and on another port without.
#[derive(Debug)]
pub struct RedisTls {
    /// The server, by its port without TLS.
    pub server: Redis,
    port: u16,
}

impl RedisTls {
    /// Starts a server.
    ///
    /// # Errors
    /// As [`Server::start`](super::Server::start).
    pub fn start(tls: ServerTls<'_>) -> io::Result<Self> {
        let port = port::free()?;
        let server = Redis::start_on(|site| {
            let asks = if tls.clients.is_some() { "yes" } else { "no" };
            // It wants to read an authority even if it asks its clients for nothing.
            let authority = tls.clients.unwrap_or(tls.certificate);
            speak(site, port, tls.certificate, tls.key, authority)?;
            site.arguments.extend(["--tls-auth-clients", asks].map(str::to_owned));
            Ok(())
        })?;
        Ok(Self { server, port })
    }

    /// Its address for TLS.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The URL of its first database, by TLS and the name `localhost`.
    pub fn url(&self) -> String {
        format!("rediss://localhost:{}/0", self.port)
    }
}
