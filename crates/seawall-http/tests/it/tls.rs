use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::Version;
use seawall_core::FailureKind;
use seawall_http::{Credentials, Http, HttpConfig, HttpVersion, Pem, TlsConfig, TlsVersion};
use seawall_testkit::tls::{Authority, Identity};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::server::TlsStream;

use crate::support::{client_of, head_of};

/// Answers `hello` over TLS, and asks clients for a certificate of `clients`, if there is one.
pub(crate) async fn serve_tls(
    authority: &Authority,
    clients: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> String {
    let Identity { certificate, key } = authority.issue(&["localhost", "127.0.0.1"]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let config =
        builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut connection = acceptor.accept(connection).await?;
                let Some(head) = head_of(&mut connection).await else { return Ok(()) };
                let said = head.to_ascii_lowercase().contains("authorization: bearer");
                let body = if said { "hello bearer" } else { "hello" };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                connection.write_all(answer.as_bytes()).await?;
                connection.shutdown().await
            });
        }
    });
    format!("https://{address}")
}

fn client_with(tls: TlsConfig) -> Http {
    client_of(&HttpConfig { tls, ..HttpConfig::default() })
}

#[tokio::test]
async fn a_certificate_is_trusted_for_its_authority_and_not_otherwise() {
    let authority = Authority::new().unwrap();
    let url = serve_tls(&authority, None, rustls::ALL_VERSIONS).await;
    let error = client_with(TlsConfig::default()).get(&url).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert!(!error.may_have_executed());
    assert!(error.to_string().contains("could not agree on a secure connection"), "{error}");

    let trusting = TlsConfig { extra_roots: vec![Pem::text(authority.pem())], ..TlsConfig::default() };
    assert_eq!(client_with(trusting.clone()).get(&url).fetch_text().await.unwrap(), "hello");
    let only = TlsConfig { only_extra_roots: true, ..trusting };
    assert_eq!(client_with(only).get(&url).fetch_text().await.unwrap(), "hello");
    let other = vec![Pem::text(Authority::new().unwrap().pem())];
    let wrong = TlsConfig { extra_roots: other, only_extra_roots: true, ..TlsConfig::default() };
    assert_eq!(client_with(wrong).get(&url).send().await.unwrap_err().kind(), FailureKind::Permanent);
    let anybody = TlsConfig { danger_accept_any_certificate: true, ..TlsConfig::default() };
    assert_eq!(client_with(anybody).get(&url).fetch_text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_client_proves_who_it_is_with_a_certificate_from_a_file() {
    let (servers, clients) = (Authority::new().unwrap(), Authority::new().unwrap());
    let url = serve_tls(&servers, Some(&clients), rustls::ALL_VERSIONS).await;
    let trusting = TlsConfig { extra_roots: vec![Pem::text(servers.pem())], ..TlsConfig::default() };
    assert!(client_with(trusting.clone()).post(&url).send().await.is_err());

    let Identity { certificate, key } = clients.issue(&["client.example"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("me.pem");
    std::fs::write(&path, format!("{certificate}{key}")).unwrap();
    let mut config = HttpConfig {
        tls: TlsConfig { identity: Some(Pem::file(&path)), ..trusting },
        ..HttpConfig::default()
    };
    // Over TLS credentials may go anywhere.
    config.credentials.by_origin.insert("*".to_owned(), Credentials::Bearer("token".into()));
    assert_eq!(client_of(&config).get(&url).fetch_text().await.unwrap(), "hello bearer");
}

#[tokio::test]
async fn a_version_that_is_too_old_is_not_spoken() {
    let authority = Authority::new().unwrap();
    let url = serve_tls(&authority, None, &[&rustls::version::TLS12]).await;
    let trusting = TlsConfig { extra_roots: vec![Pem::text(authority.pem())], ..TlsConfig::default() };
    assert_eq!(client_with(trusting.clone()).get(&url).fetch_text().await.unwrap(), "hello");
    let strict = TlsConfig { min_version: TlsVersion::Tls13, ..trusting };
    let error = client_with(strict).get(&url).send().await.unwrap_err();
    assert!(error.to_string().contains("could not"), "{error}");
}

#[test]
fn a_pem_that_cannot_be_read_is_named() {
    let refused = |tls: TlsConfig| {
        Http::new(&HttpConfig { tls, ..HttpConfig::default() }, Arc::new(())).unwrap_err().to_string()
    };
    let none = refused(TlsConfig { extra_roots: vec![Pem::file("/nowhere/ca.pem")], ..TlsConfig::default() });
    assert!(none.contains("tls.extra_roots, /nowhere/ca.pem: "), "{none}");
    let empty = refused(TlsConfig { extra_roots: vec![Pem::text("nothing")], ..TlsConfig::default() });
    assert!(empty.contains("tls.extra_roots: there is no certificate in the pem"), "{empty}");
    let wrong =
        refused(TlsConfig { identity: Some(Pem::text("-----BEGIN hunter2")), ..TlsConfig::default() });
    assert!(wrong.contains("tls.identity") && !wrong.contains("hunter2"), "{wrong}");
}

/// Accepts connections of TLS, and offers both versions of HTTP on them.
struct TlsListener(TcpListener, TlsAcceptor);

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (connection, address) = self.0.accept().await.unwrap();
        (self.1.accept(connection).await.unwrap(), address)
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_offers_it_and_then_nobody_waits_for_a_connection() {
    let authority = Authority::new().unwrap();
    let Identity { certificate, key } = authority.issue(&["localhost", "127.0.0.1"]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/", get(async || "x".repeat(100_000)));
    let listener = TlsListener(listener, TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let tls = TlsConfig { extra_roots: vec![Pem::text(authority.pem())], ..TlsConfig::default() };
    let one = NonZeroU32::new(1);
    let http =
        client_of(&HttpConfig { tls: tls.clone(), max_connections_per_host: one, ..HttpConfig::default() });
    let first = http.get(&url).send().await.unwrap();
    assert_eq!(first.version(), Version::HTTP_2);
    let second = http.get(&url).send().await.unwrap();
    for response in [first, second] {
        assert_eq!(response.into_body().collect(100_000).await.unwrap().len(), 100_000);
    }
    let older = client_of(&HttpConfig { tls, http_version: HttpVersion::Http1, ..HttpConfig::default() });
    assert_eq!(older.get(&url).send().await.unwrap().version(), Version::HTTP_11);
}
