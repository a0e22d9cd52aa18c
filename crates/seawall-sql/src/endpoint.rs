//! Where a URL leads: read once, kept without its password wherever it could be shown.

#[cfg(feature = "sqlite")]
use std::path::Path;

use seawall_core::{Error, FailureKind};

use crate::SqlConfig;
use crate::named::Dialect;

/// How to reach a database. Has no `Debug`: the driver's options would show the password.
pub(crate) struct Endpoint {
    /// What errors and telemetry call it; holds no secret.
    pub(crate) name: String,
    pub(crate) options: Options,
}

#[derive(Clone)]
pub(crate) enum Options {
    #[cfg(feature = "sqlite")]
    Sqlite {
        writer: Box<sqlx::sqlite::SqliteConnectOptions>,
        /// Reading connections, unless the database lives in memory: there one connection does both.
        reader: Option<Box<sqlx::sqlite::SqliteConnectOptions>>,
    },
    #[cfg(feature = "postgres")]
    Postgres(Box<sqlx::postgres::PgConnectOptions>),
    #[cfg(feature = "mysql")]
    MySql(Box<sqlx::mysql::MySqlConnectOptions>),
}

impl Endpoint {
    pub(crate) fn dialect(&self) -> Dialect {
        match &self.options {
            #[cfg(feature = "sqlite")]
            Options::Sqlite { .. } => Dialect::Sqlite,
            #[cfg(feature = "postgres")]
            Options::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "mysql")]
            Options::MySql(_) => Dialect::MySql,
        }
    }

    /// Reads a URL and looks at what can be known before anything is opened.
    pub(crate) fn parse(url: &str, config: &SqlConfig) -> Result<Self, Error> {
        match dialect_of(url).map_err(|rule| bad_url(format!("the URL {rule}")))? {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => sqlite(url, config),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => postgres(url, config),
            #[cfg(feature = "mysql")]
            Dialect::MySql => mysql(url, config),
            #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => unreachable!("what is not compiled in was refused"),
        }
    }
}

/// Checks that a URL leads to a database that is compiled in, by what it begins with. Nothing is opened.
///
/// ```
/// let rule = seawall_sql::check_scheme("oracle://scott@host/db").unwrap_err();
/// assert!(rule.starts_with("must begin with `sqlite:`, `postgres:` or `mysql:`"));
/// ```
///
/// # Errors
/// What is wrong, to read on from "the URL"; it shows nothing of the URL, which may hold a password.
pub fn check_scheme(url: &str) -> Result<(), String> {
    dialect_of(url).map(drop)
}

fn dialect_of(url: &str) -> Result<Dialect, String> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    let (dialect, feature, compiled_in) = match scheme {
        "sqlite" => (Dialect::Sqlite, "sqlite", cfg!(feature = "sqlite")),
        "postgres" | "postgresql" => (Dialect::Postgres, "postgres", cfg!(feature = "postgres")),
        "mysql" | "mariadb" => (Dialect::MySql, "mysql", cfg!(feature = "mysql")),
        // The text is not shown: it may be a password with a typing error in front.
        _ => {
            return Err(
                "must begin with `sqlite:`, `postgres:` or `mysql:`, as in `sqlite:///var/lib/app.db` or \
                        `postgres://user:password@host/database`"
                    .into(),
            );
        }
    };
    if compiled_in {
        Ok(dialect)
    } else {
        Err(format!("leads to a database that is not compiled in: enable the feature `{feature}`"))
    }
}

fn bad_url(message: String) -> Error {
    Error::new(FailureKind::Permanent, "sql", "connect").with_message(message).not_executed()
}

#[cfg(feature = "sqlite")]
fn sqlite(url: &str, config: &SqlConfig) -> Result<Endpoint, Error> {
    use std::str::FromStr;

    use sqlx::ConnectOptions;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

    use crate::config::Synchronous;

    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| {
            bad_url(format!("the SQLite URL cannot be read: {}", crate::classify::words(&error)))
        })?
        .busy_timeout(config.sqlite.busy_timeout)
        .statement_cache_capacity(config.pool.statement_cache)
        .disable_statement_logging();
    let (_, parameters) = url.split_once('?').unwrap_or((url, ""));
    let mode = parameters.split('&').find_map(|pair| pair.strip_prefix("mode="));
    let in_memory = mode == Some("memory") || url.contains(":memory:");
    let path = options.get_filename().to_owned();
    let name = if in_memory { String::from("memory") } else { path.display().to_string() };
    let (writer, reader) = match mode {
        Some("ro") => (options.clone(), Some(options)),
        _ if in_memory => (options, None),
        mode => {
            let options = options.create_if_missing(mode != Some("rw"));
            let synchronous = match config.sqlite.synchronous {
                Synchronous::Normal => SqliteSynchronous::Normal,
                Synchronous::Full => SqliteSynchronous::Full,
            };
            let writer = options.clone().journal_mode(SqliteJournalMode::Wal).synchronous(synchronous);
            (writer, Some(options.create_if_missing(false).pragma("query_only", "ON")))
        }
    };
    if !in_memory {
        look_at(&path, &name, mode)?;
    }
    Ok(Endpoint { name, options: Options::Sqlite { writer: Box::new(writer), reader: reader.map(Box::new) } })
}

/// SQLite says "unable to open database file" to all of these.
#[cfg(feature = "sqlite")]
fn look_at(path: &Path, name: &str, mode: Option<&str>) -> Result<(), Error> {
    let refuse = |message: String| {
        Err(Error::new(FailureKind::Permanent, "sql", name.to_owned()).with_message(message).not_executed())
    };
    if path.as_os_str().is_empty() {
        return refuse(
            "the URL names no file: write `sqlite:///path/to/file.db` or `sqlite::memory:`".into(),
        );
    }
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => refuse("this is a folder: name a file in it".into()),
        Ok(found) if found.permissions().readonly() && mode != Some("ro") => refuse(
            "the file is read-only: make it writable, or add `?mode=ro` to the URL to read only".into(),
        ),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            if !folder.is_dir() {
                return refuse(format!("there is no folder `{}`: create it first", folder.display()));
            }
            match mode {
                Some("ro" | "rw") => {
                    refuse("there is no such file, and `mode` in the URL keeps it from being created".into())
                }
                _ => Ok(()),
            }
        }
        Err(error) => refuse(format!("the file cannot be looked at: {error}")),
    }
}

#[cfg(feature = "postgres")]
fn postgres(url: &str, config: &SqlConfig) -> Result<Endpoint, Error> {
    use std::str::FromStr;

    use sqlx::ConnectOptions;
    use sqlx::postgres::PgConnectOptions;

    use crate::Pooler;

    let options = PgConnectOptions::from_str(url)
        .map_err(|error| {
            bad_url(format!("the Postgres URL cannot be read: {}", crate::classify::words(&error)))
        })?
        .statement_cache_capacity(config.pool.statement_cache)
        .disable_statement_logging();
    // Poolers refuse what they cannot keep the same for all who share a server process.
    let options = match config.pool.pooler {
        Pooler::None => options,
        Pooler::Transaction => options.extra_float_digits(None),
    };
    let database = options.get_database().unwrap_or(options.get_username());
    let name = format!("{}:{}/{database}", options.get_host(), options.get_port());
    Ok(Endpoint { name, options: Options::Postgres(Box::new(options)) })
}

#[cfg(feature = "mysql")]
fn mysql(url: &str, config: &SqlConfig) -> Result<Endpoint, Error> {
    use std::str::FromStr;

    use sqlx::ConnectOptions;
    use sqlx::mysql::MySqlConnectOptions;

    let options = MySqlConnectOptions::from_str(url)
        .map_err(|error| {
            bad_url(format!("the MySQL URL cannot be read: {}", crate::classify::words(&error)))
        })?
        .statement_cache_capacity(config.pool.statement_cache)
        // Moments are read as what they are in UTC; another zone would make them others.
        .timezone(String::from("+00:00"))
        // Our own session settings say so, with what else they say.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .disable_statement_logging();
    let database = options.get_database().unwrap_or_default();
    let name = match options.get_socket() {
        Some(socket) => format!("{}/{database}", socket.display()),
        None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
    };
    Ok(Endpoint { name, options: Options::MySql(Box::new(options)) })
}
