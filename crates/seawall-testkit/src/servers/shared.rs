use std::sync::{Mutex, PoisonError};
use std::{env, io, process};

use url::Url;

use super::server::{Kind, Server};
use super::{mariadb, postgres, redis};

/// The URL of an empty Postgres database that nobody else uses.
///
/// It lies on the server that `SEAWALL_TEST_POSTGRES_URL` names, or on one that this process starts at the first call
/// and that lives until the process ends.
///
/// # Errors
/// As [`Server::start`], or what `psql` said when the database could not be made.
pub fn postgres_url() -> io::Result<String> {
    static SHARED: Shared<postgres::Postgres> = Shared::new();
    SHARED.fresh()
}

/// The URL (`mysql://`) of an empty MariaDB database that nobody else uses.
///
/// As [`postgres_url`]; the variable is `SEAWALL_TEST_MARIADB_URL`.
///
/// # Errors
/// As [`Server::start`], or what `mariadb` said when the database could not be made.
pub fn mariadb_url() -> io::Result<String> {
    static SHARED: Shared<mariadb::MariaDb> = Shared::new();
    SHARED.fresh()
}

/// The URL of an empty, numbered Redis database that nobody else uses.
///
/// As [`postgres_url`]; the variable is `SEAWALL_TEST_REDIS_URL`. An existing server runs out of databases after 15
/// calls unless it was started with more (`--databases 10000`).
///
/// # Errors
/// As [`Server::start`], or what Redis answered when there is no database left.
pub fn redis_url() -> io::Result<String> {
    static SHARED: Shared<redis::Redis> = Shared::new();
    SHARED.fresh()
}

/// A server started by whoever asks first. As a static it is never dropped; it ends with the process.
struct Shared<K>(Mutex<Option<Server<K>>>);

impl<K: Kind> Shared<K> {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn fresh(&self) -> io::Result<String> {
        let server = env::var(K::ENV).or_else(|_unset| self.url())?;
        let name = format!("seawall_test_{}_{:016x}", process::id(), fastrand::u64(..));
        K::create_database(&server, &name)
    }

    fn url(&self) -> io::Result<String> {
        let mut server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *server {
            Some(server) => Ok(server.url()),
            none => Ok(none.insert(Server::start()?).url()),
        }
    }
}

/// Does not repeat the URL in its error: it may hold a password.
pub(super) fn parse(url: &str) -> io::Result<Url> {
    Url::parse(url)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("the server's url: {error}")))
}

/// The same server, another database.
pub(super) fn with_path(url: &str, database: &str) -> io::Result<Url> {
    let mut url = parse(url)?;
    url.set_path(database);
    Ok(url)
}
