//! Databases over encrypted connections, with a certificate of their own.

use std::sync::Arc;

use seawall_core::{Error, FailureKind};
use seawall_sql::Sql;
use seawall_testkit::tls::{Authority, Identity};
use url::Url;

/// What an URL says of encryption, in the words of one kind of database.
struct Words {
    mode: &'static str,
    root: &'static str,
    off: &'static str,
    required: &'static str,
    verify_authority: &'static str,
    verify_all: &'static str,
    /// Asks whether this connection is encrypted.
    is_encrypted: &'static str,
}

#[cfg(feature = "postgres")]
const POSTGRES: Words = Words {
    mode: "sslmode",
    root: "sslrootcert",
    off: "disable",
    required: "require",
    verify_authority: "verify-ca",
    verify_all: "verify-full",
    is_encrypted: "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
};

#[cfg(feature = "mysql")]
const MYSQL: Words = Words {
    mode: "ssl-mode",
    root: "ssl-ca",
    off: "DISABLED",
    required: "REQUIRED",
    verify_authority: "VERIFY_CA",
    verify_all: "VERIFY_IDENTITY",
    is_encrypted: "select variable_value <> '' from information_schema.session_status where variable_name = 'ssl_cipher'",
};

/// A server with a certificate for some names, and the files of the authority that issued it and of another one.
struct Scene {
    url: Url,
    words: Words,
    root: String,
    other_root: String,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// `start` gives back the URL of a server that shows this identity.
    fn new(words: Words, names: &[&str], start: impl FnOnce(&Identity) -> String) -> Self {
        let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
        let url = start(&authority.issue(names).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, authority: &Authority| {
            let path = folder.path().join(name);
            std::fs::write(&path, authority.pem()).unwrap();
            path.display().to_string()
        };
        let (root, other_root) = (file("root.pem", &authority), file("other.pem", &other));
        Self { url: Url::parse(&url).unwrap(), words, root, other_root, _folder: folder }
    }

    async fn connect(&self, mode: Option<&str>, root: Option<&str>) -> Result<Sql, Error> {
        let mut url = self.url.clone();
        url.set_password(Some("hunter2")).unwrap();
        for (name, value) in [(self.words.mode, mode), (self.words.root, root)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Sql::connect(url.as_str(), &crate::support::patient(), Arc::new(())).await
    }

    async fn is_encrypted(&self, mode: Option<&str>, root: Option<&str>) -> bool {
        let sql = self.connect(mode, root).await.unwrap();
        sql.query(self.words.is_encrypted).fetch_scalar().await.unwrap()
    }

    async fn refusal(&self, mode: &str, root: Option<&str>) -> String {
        let error = self.connect(Some(mode), root).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        error.to_string()
    }

    async fn check(&self) {
        let Words { off, required, verify_authority, verify_all, .. } = self.words;
        let (root, other) = (Some(self.root.as_str()), Some(self.other_root.as_str()));
        assert!(
            self.is_encrypted(None, None).await,
            "it is encrypted where the server can, unless told otherwise"
        );
        assert!(!self.is_encrypted(Some(off), None).await);
        assert!(self.is_encrypted(Some(required), None).await);
        assert!(self.is_encrypted(Some(verify_authority), root).await);
        assert!(self.is_encrypted(Some(verify_all), root).await);
        for mode in [verify_authority, verify_all] {
            for root in [None, other] {
                let refusal = self.refusal(mode, root).await;
                assert!(refusal.contains("certificate is not trusted"), "{refusal}");
                assert!(refusal.contains("UnknownIssuer"), "{refusal}");
            }
        }
    }

    /// For a server whose certificate names another host.
    async fn check_foreign(&self) {
        let Words { verify_authority, verify_all, .. } = self.words;
        let root = Some(self.root.as_str());
        assert!(self.is_encrypted(Some(verify_authority), root).await);
        let refusal = self.refusal(verify_all, root).await;
        assert!(
            refusal.contains("certificate is not trusted") && refusal.contains("db.example.com"),
            "{refusal}"
        );
    }
}

const HERE: &[&str] = &["localhost", "127.0.0.1"];
const ELSEWHERE: &[&str] = &["db.example.com"];

#[cfg(feature = "postgres")]
mod postgres {
    use seawall_testkit::servers::Postgres;

    use super::*;

    #[tokio::test]
    async fn its_certificate_is_checked_as_the_url_says() {
        for (names, foreign) in [(HERE, false), (ELSEWHERE, true)] {
            let mut server = None;
            let scene = Scene::new(POSTGRES, names, |identity| {
                server.insert(Postgres::start_with_tls(identity).unwrap()).url()
            });
            if foreign { scene.check_foreign().await } else { scene.check().await }
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_encrypt_is_refused_where_the_url_demands_it() {
        let scene = Scene::new(POSTGRES, HERE, |_| seawall_testkit::servers::postgres_url().unwrap());
        assert!(!scene.is_encrypted(None, None).await);
        let refusal = scene.refusal(POSTGRES.required, None).await;
        assert!(refusal.contains("the server does not encrypt"), "{refusal}");
    }

    #[tokio::test]
    async fn a_certificate_that_is_not_there_is_said() {
        let mut server = None;
        let scene = Scene::new(POSTGRES, HERE, |identity| {
            server.insert(Postgres::start_with_tls(identity).unwrap()).url()
        });
        let error = scene.connect(Some(POSTGRES.verify_all), Some("/no/such/file.pem")).await.unwrap_err();
        assert!(error.to_string().contains("a file that the URL names is not there"), "{error}");
    }
}

#[cfg(feature = "mysql")]
mod mariadb {
    use seawall_testkit::servers::MariaDb;

    use super::*;

    #[tokio::test]
    async fn its_certificate_is_checked_as_the_url_says() {
        for (names, foreign) in [(HERE, false), (ELSEWHERE, true)] {
            let mut server = None;
            let mut scene = Scene::new(MYSQL, names, |identity| {
                server.insert(MariaDb::start_with_tls(identity).unwrap()).url()
            });
            // The server's first user has no password.
            let sql = crate::support::connect(scene.url.as_str()).await;
            sql.execute("create user ann@'%' identified by 'hunter2'").await.unwrap();
            sql.execute("grant all on *.* to ann@'%'").await.unwrap();
            scene.url.set_username("ann").unwrap();
            if foreign { scene.check_foreign().await } else { scene.check().await }
        }
    }
}
