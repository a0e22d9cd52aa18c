use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use super::{Redis, port};

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
            let files = [
                ("--tls-cert-file", "certificate.pem", tls.certificate),
                ("--tls-key-file", "key.pem", tls.key),
                // It wants to read one even if it asks its clients for nothing.
                ("--tls-ca-cert-file", "clients.pem", tls.clients.unwrap_or(tls.certificate)),
            ];
            for (option, name, pem) in files {
                let path = site.write(name, pem)?;
                site.arguments.extend([option.to_owned(), path.display().to_string()]);
            }
            let asks = if tls.clients.is_some() { "yes" } else { "no" };
            let port = port.to_string();
            site.arguments.extend(["--tls-port", &port, "--tls-auth-clients", asks].map(str::to_owned));
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
