#[cfg(any(feature = "postgres", feature = "mysql"))]
use std::future::Future;
#[cfg(feature = "sqlite")]
use std::sync::Arc;
#[cfg(feature = "sqlite")]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(any(feature = "postgres", feature = "mysql"))]
use std::time::Duration;

/// Stops what a database does for a connection that nobody listens to any more.
pub(crate) enum Interrupt {
    #[cfg(feature = "sqlite")]
    Sqlite(Arc<AtomicBool>),
    #[cfg(feature = "postgres")]
    Postgres {
        options: Box<sqlx::postgres::PgConnectOptions>,
        backend: crate::driver::postgres::Backend,
        patience: Duration,
    },
    /// What it does stops when its connection is closed: the server looks for its client, or the pooler before it does.
    #[cfg(feature = "postgres")]
    PostgresMissesUs,
    #[cfg(feature = "mysql")]
    MySql {
        options: Box<sqlx::mysql::MySqlConnectOptions>,
        backend: crate::driver::mysql::Backend,
        patience: Duration,
    },
}

impl Interrupt {
    /// Which database it is, as `OpenTelemetry` names it.
    pub(super) fn system(&self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => "sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } | Self::PostgresMissesUs => "postgresql",
            #[cfg(feature = "mysql")]
            Self::MySql { backend, .. } if backend.is_mariadb => "mariadb",
            #[cfg(feature = "mysql")]
            Self::MySql { .. } => "mysql",
        }
    }

    pub(super) fn now(self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(switch) => switch.store(true, Ordering::Relaxed),
            #[cfg(feature = "postgres")]
            Self::Postgres { options, backend, patience } => {
                in_background(
                    patience,
                    async move { crate::driver::postgres::cancel(&options, &backend).await },
                );
            }
            #[cfg(feature = "postgres")]
            Self::PostgresMissesUs => {}
            #[cfg(feature = "mysql")]
            Self::MySql { options, backend, patience } => {
                in_background(patience, async move { crate::driver::mysql::cancel(&options, backend).await });
            }
        }
    }
}

/// Where there is no runtime any more, the server finds out by itself.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn in_background(patience: Duration, cancel: impl Future<Output = Result<(), sqlx::Error>> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            // Nobody is left to be told: at worst the statement runs to its end.
            let _ = tokio::time::timeout(patience, cancel).await;
        });
    }
}
