//! TLS as a configuration asks for it.

mod anybody;
mod system;

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SupportedProtocolVersion, WantsVerifier};
use rustls_platform_verifier::Verifier;
use seawall_core::{BoxError, Error};

use crate::builder::wrong;
use crate::config::{HttpVersion, Pem, TlsConfig, TlsVersion};
use anybody::Anybody;
use system::TheSystem;

pub(super) fn client_config(config: &TlsConfig, version: HttpVersion) -> Result<ClientConfig, Error> {
    let unusable = |error: rustls::Error| wrong("", error);
    // Who chose a provider for the whole process gets it.
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(config.min_version))
        .map_err(unusable)?;
    let builder = trusting(builder, config, provider)?;
    let mut tls = match &config.identity {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let (chain, key) = read(pem, "tls.identity", identity)?;
            let with_identity = builder.with_client_auth_cert(chain, key);
            with_identity.map_err(|error| wrong(place(pem, "tls.identity"), error))?
        }
    };
    tls.alpn_protocols = match version {
        HttpVersion::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        HttpVersion::Http1 => vec![b"http/1.1".to_vec()],
        HttpVersion::Http2 => vec![b"h2".to_vec()],
    };
    Ok(tls)
}

fn versions(oldest: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static NEW: &[&SupportedProtocolVersion] = &[&TLS13];
    static OLD_TOO: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    match oldest {
        TlsVersion::Tls12 => OLD_TOO,
        TlsVersion::Tls13 => NEW,
    }
}

/// Whom to believe who they are.
fn trusting(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    config: &TlsConfig,
    provider: Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
    let roots = roots(config)?;
    if config.danger_accept_any_certificate {
        return Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody)));
    }
    let unusable = |error: rustls::Error| wrong("tls.extra_roots", error);
    if config.only_extra_roots {
        let mut only = RootCertStore::empty();
        roots.into_iter().try_for_each(|root| only.add(root)).map_err(unusable)?;
        return Ok(builder.with_root_certificates(only));
    }
    let verifier: Arc<dyn ServerCertVerifier> = if roots.is_empty() {
        Arc::new(TheSystem::new(provider))
    } else {
        Arc::new(and_the_systems(roots, provider).map_err(unusable)?)
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
}

#[cfg(not(target_os = "android"))]
fn and_the_systems(
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, rustls::Error> {
    Verifier::new_with_extra_roots(roots, provider)
}

#[cfg(target_os = "android")]
fn and_the_systems(
    _: Vec<CertificateDer<'static>>,
    _: Arc<CryptoProvider>,
) -> Result<Verifier, rustls::Error> {
    Err(rustls::Error::General("this system takes none beside its own: set only_extra_roots".to_owned()))
}

fn roots(config: &TlsConfig) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut roots = Vec::new();
    for pem in &config.extra_roots {
        let found = read(pem, "tls.extra_roots", certificates)?;
        if found.is_empty() {
            return Err(wrong("tls.extra_roots", "there is no certificate in the pem"));
        }
        roots.extend(found);
    }
    Ok(roots)
}

/// What is wrong is not shown, because it may be a key.
fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, BoxError> {
    let found = CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>();
    found.map_err(|_invalid| "invalid certificate encoding".into())
}

/// A certificate with those it hangs from, and its key.
fn identity(text: &[u8]) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), BoxError> {
    let (mut chain, mut key, mut rest) = (Vec::new(), None, text);
    while let Some((kind, der)) = pem::from_buf(&mut rest).map_err(|_invalid| "invalid pem of an identity")? {
        match kind {
            SectionKind::Certificate => chain.push(der.into()),
            kind => key = Some(PrivateKeyDer::from_pem(kind, der).ok_or("neither a certificate nor a key")?),
        }
    }
    match key {
        Some(key) if !chain.is_empty() => Ok((chain, key)),
        _ => Err("private key or certificate not found".into()),
    }
}

fn read<T>(
    pem: &Pem,
    field: &'static str,
    parse: impl FnOnce(&[u8]) -> Result<T, BoxError>,
) -> Result<T, Error> {
    let text = pem.read().map_err(|error| wrong(place(pem, field), error))?;
    parse(text.expose().as_bytes()).map_err(|error| wrong(place(pem, field), error))
}

fn place(pem: &Pem, field: &'static str) -> String {
    match pem.path() {
        Some(path) => format!("{field}, {}", path.display()),
        None => field.to_owned(),
    }
}
