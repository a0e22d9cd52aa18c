//! What TLS to a server needs, read from the files of the configuration.

use std::path::Path;

use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use seawall_core::Error;

use crate::TlsConfig;
use crate::classify::misconfigured;

/// The same server, and whom to trust there if it is spoken to by TLS.
pub(crate) fn secured(info: ConnectionInfo, config: &TlsConfig) -> Result<ConnectionInfo, Error> {
    match info.addr() {
        ConnectionAddr::TcpTls { insecure: false, .. } => {}
        ConnectionAddr::TcpTls { .. } => {
            return Err(misconfigured(
                "the URL ends with `#insecure`, which is not supported: put the server's authority into `tls.roots`",
            ));
        }
        _ if *config == TlsConfig::default() => return Ok(info),
        _ => {
            return Err(misconfigured(
                "`tls` is configured, but the URL asks for none: let it begin with `rediss` in place of `redis`",
            ));
        }
    }
    choose_provider();
    let certificates = certificates(config)?;
    // The driver reads them into the address of a client.
    let client = Client::build_with_tls(info, certificates)
        .map_err(|cause| misconfigured("`tls` names a file that cannot be used").with_source(cause))?;
    Ok(client.get_connection_info().clone())
}

/// The driver takes the provider of the process, and fails where there are two to choose from. One that the program has
/// chosen stays.
fn choose_provider() {
    if CryptoProvider::get_default().is_none() {
        // Whoever comes first has chosen.
        let _ = aws_lc_rs::default_provider().install_default();
    }
}

fn certificates(config: &TlsConfig) -> Result<TlsCertificates, Error> {
    let mut roots = Vec::new();
    for path in &config.roots {
        roots.extend(read("tls.roots", path, "-----BEGIN CERTIFICATE-----")?);
        roots.push(b'\n');
    }
    let client_tls = match (&config.certificate, &config.key) {
        (Some(certificate), Some(key)) => Some(ClientTlsConfig {
            client_cert: read("tls.certificate", certificate, "-----BEGIN CERTIFICATE-----")?,
            client_key: read("tls.key", key, "PRIVATE KEY-----")?,
        }),
        _ => None,
    };
    Ok(TlsCertificates { client_tls, root_cert: (!roots.is_empty()).then_some(roots) })
}

fn read(field: &str, path: &Path, wanted: &str) -> Result<Vec<u8>, Error> {
    let wrong = |why: &str| misconfigured(format!("`{field}`, {}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|cause| wrong("cannot be read").with_source(cause))?;
    if pem.windows(wanted.len()).any(|part| part == wanted.as_bytes()) {
        return Ok(pem);
    }
    let what = if wanted.contains("KEY") { "key" } else { "certificate" };
    Err(wrong(&format!("there is no {what} in it; it must be PEM")))
}
