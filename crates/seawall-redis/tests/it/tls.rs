//! TLS against a real server with throw-away certificates.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_redis::{Heard, Redis, RedisConfig, TlsConfig};
use seawall_testkit::servers::{RedisTls, ServerTls};
use seawall_testkit::tls::{Authority, Identity};
use tempfile::TempDir;

use crate::support::{patient, until};

pub(crate) fn authority() -> Authority {
    Authority::new().unwrap()
}

/// A server with a certificate of this authority, which asks clients for one of `clients`.
fn serve(authority: &Authority, name: &str, clients: Option<&Authority>) -> RedisTls {
    let Identity { certificate, key } = authority.issue(&[name]).unwrap();
    let clients = clients.map(Authority::pem);
    RedisTls::start(ServerTls { certificate: &certificate, key: &key, clients: clients.as_deref() }).unwrap()
}

/// Files of a test.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn trusting(&self, authority: &Authority) -> TlsConfig {
        let name = format!("roots-{}.pem", fastrand::u64(..));
        TlsConfig { roots: vec![self.write(&name, &authority.pem())], ..TlsConfig::default() }
    }
}

pub(crate) async fn connect(url: &str, tls: TlsConfig) -> Result<Redis, Error> {
    let config = RedisConfig { tls, ..patient() };
    Redis::connect(url, &config, Arc::new(())).await
}

#[tokio::test]
async fn all_connections_go_by_tls_to_a_server_whose_authority_is_trusted() {
    let (authority, files) = (authority(), Files::new());
    let mut server = serve(&authority, "localhost", None);
    let redis = connect(&server.url(), files.trusting(&authority)).await.unwrap();
    redis.set("greeting", "hello").await.unwrap();
    assert_eq!(redis.get::<String>("greeting").await.unwrap(), "hello");
    // One of its own, and one that listens.
    redis.rpush("jobs", "one").await.unwrap();
    assert!(redis.blpop::<String>("jobs", Duration::from_secs(5)).await.unwrap().is_some());
    let mut news = redis.subscribe(["news"]).await.unwrap();
    redis.publish("news", "heard").await.unwrap();
    assert!(matches!(news.next().await, Some(Heard::Message(_))));

    server.server.kill();
    server.server.restart().unwrap();
    until("it is back by itself", async || {
        redis.get::<Option<String>>("greeting").await.is_ok_and(|greeting| greeting.is_some())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_trusted_or_has_another_name_is_not_spoken_to() {
    let (authority, other, files) = (authority(), authority(), Files::new());
    let server = serve(&authority, "localhost", None);
    let elsewhere = serve(&authority, "redis.example", None);
    let not_trusted = [
        (server.url(), files.trusting(&other)),
        // Of the authorities that the system trusts none has signed it.
        (server.url(), TlsConfig::default()),
        (elsewhere.url(), files.trusting(&authority)),
    ];
    for (url, tls) in not_trusted {
        let error = connect(&url, tls).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{url}: {error:?}");
        assert!(error.to_string().contains("tls.roots"), "{url}: {error}");
        assert!(!error.may_have_executed());
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_one() {
    let (of_servers, clients, files) = (authority(), authority(), Files::new());
    let server = serve(&of_servers, "localhost", Some(&clients));
    let Identity { certificate, key } = clients.issue(&["worker"]).unwrap();
    let tls = TlsConfig {
        certificate: Some(files.write("client.pem", &certificate)),
        key: Some(files.write("client.key", &key)),
        ..files.trusting(&of_servers)
    };
    let redis = connect(&server.url(), tls).await.unwrap();
    redis.set("greeting", "hello").await.unwrap();

    // Both may be in one file.
    let both = files.write("both.pem", &format!("{key}{certificate}"));
    let tls = TlsConfig { certificate: Some(both.clone()), key: Some(both), ..files.trusting(&of_servers) };
    connect(&server.url(), tls).await.unwrap();

    assert!(connect(&server.url(), files.trusting(&of_servers)).await.is_err());
    let Identity { certificate, key } = authority().issue(&["stranger"]).unwrap();
    let tls = TlsConfig {
        certificate: Some(files.write("stranger.pem", &certificate)),
        key: Some(files.write("stranger.key", &key)),
        ..files.trusting(&of_servers)
    };
    assert!(connect(&server.url(), tls).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_used_is_said_by_its_field_and_file() {
    let files = Files::new();
    let empty = files.write("empty.pem", "");
    let broken = files.write("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let missing = files.0.path().join("missing.pem");
    let roots = |path: &PathBuf| TlsConfig { roots: vec![path.clone()], ..TlsConfig::default() };
    let key = |path: &PathBuf| TlsConfig {
        certificate: Some(broken.clone()),
        key: Some(path.clone()),
        ..TlsConfig::default()
    };
    let lone = TlsConfig { key: Some(empty.clone()), ..TlsConfig::default() };
    for (url, tls, words) in [
        ("rediss://localhost", roots(&empty), "`tls.roots`"),
        ("rediss://localhost", roots(&missing), "missing.pem: cannot be read"),
        ("rediss://localhost", roots(&broken), "`tls`"),
        ("rediss://localhost", key(&empty), "`tls.key`"),
        ("rediss://localhost", lone, "tls.certificate"),
        ("redis://localhost", roots(&broken), "let it begin with `rediss`"),
        ("rediss://localhost/#insecure", TlsConfig::default(), "`#insecure`, which is not supported"),
    ] {
        let error = connect(url, tls).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}
