use std::fmt;

use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};

/// The address of the database: `sqlite://FILE`, `postgres://USER:PASSWORD@HOST/DATABASE` (feature `postgres`), or
/// `mysql://USER:PASSWORD@HOST/DATABASE` (feature `mysql`; MariaDB too, for which `mariadb:` may be said).
///
/// It says how the connection is encrypted too: by default where the server can, and nobody checks with whom. Over a
/// network that others reach, add `?sslmode=verify-full` (`postgres:`) or `?ssl-mode=VERIFY_IDENTITY` (`mysql:`), and
/// `sslrootcert=FILE` or `ssl-ca=FILE` for an authority of your own.
///
/// It may hold a password, so it is never shown: `Debug` prints `***`. Serializing writes it in full.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The address, password included.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells a mistake in a file or variable while it is still known where it was made. All else, and whoever sets
    /// the address in code, hears from the client that opens it.
    pub(super) fn check_scheme(&self) -> Result<(), InvalidConfig> {
        seawall_sql::check_scheme(&self.0).map_err(|rule| InvalidConfig::new("database_url", "***", rule))
    }
}

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl From<&str> for DatabaseUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
