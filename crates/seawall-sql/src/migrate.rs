use std::path::Path;

use seawall_core::{CallContext, Error, FailureKind};
use sqlx::AssertSqlSafe;
use sqlx::SqlSafeStr;
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, MigrationType, Migrator};

use crate::pool::Lease;
use crate::{Connection, Sql, classify};

/// Changes of a schema, each applied once, in the order of their versions.
///
/// They are sqlx's: the same files, and the same table `_sqlx_migrations` in the database, which remembers what was
/// applied and the checksum of it. `sqlx-cli` and [`sqlx::migrate::Migrator`] work on the same ones.
#[derive(Debug)]
pub struct Migrations(Migrator);

impl Migrations {
    /// Those of a program that carries them with it: version, name and text of each, in any order.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
    /// use std::sync::Arc;
    /// use seawall_sql::{Migrations, Sql, SqlConfig};
    ///
    /// let migrations = Migrations::new([
    ///     (1, "users", "create table users (id integer primary key, name text)"),
    ///     (2, "mail", "alter table users add column mail text"), // or include_str!("../migrations/2_mail.sql")
    /// ])?;
    /// let sql = Sql::connect("sqlite::memory:", &SqlConfig::default(), Arc::new(())).await?;
    /// assert_eq!(sql.migrate(&migrations).await?, [1, 2]);
    /// assert!(sql.migrate(&migrations).await?.is_empty());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] if two have the same version, or one is below 1.
    pub fn new(list: impl IntoIterator<Item = (i64, &'static str, &'static str)>) -> Result<Self, Error> {
        let migration = |(version, name, text): (i64, &'static str, &'static str)| {
            let text = AssertSqlSafe(text).into_sql_str();
            Migration::new(version, name.into(), MigrationType::Simple, text, false)
        };
        Self::checked(list.into_iter().map(migration).collect())
    }

    /// Those of a folder: files named `1_users.sql`, `2_mail.sql`; anything else in it is passed over, and so are the ways
    /// back of reversible ones (`2_mail.down.sql`). A file whose first line is `-- no-transaction` is applied outside
    /// of one.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] if the folder or a file in it cannot be read, or two have the same version.
    pub async fn from_folder(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let migrator = Migrator::new(folder).await.map_err(|error| {
            let message = format!("the folder `{}` cannot be read", folder.display());
            wrong("migrations", message).with_source(error)
        })?;
        let forward = migrator.iter().filter(|migration| !migration.migration_type.is_down_migration());
        Self::checked(forward.cloned().collect())
    }

    fn checked(list: Vec<Migration>) -> Result<Self, Error> {
        let migrator = Migrator::with_migrations(list);
        let versions: Vec<i64> = migrator.iter().map(|migration| migration.version).collect();
        if let Some(version) = versions.iter().find(|version| **version < 1) {
            return Err(wrong("migrations", format!("a version is {version}: the first is 1")));
        }
        if let Some((version, _)) =
            versions.iter().zip(versions.iter().skip(1)).find(|(one, next)| one == next)
        {
            return Err(wrong("migrations", format!("two migrations have version {version}")));
        }
        Ok(Self(migrator))
    }
}

impl Sql {
    /// Applies those migrations that the database has not seen, and says their versions.
    ///
    /// Each is applied in a transaction together with the note that it was, where the database can: MySQL and MariaDB
    /// commit at every change of the schema, so that one that fails there remains half done, and all later calls say so.
    /// Processes that migrate at the same time wait for each other; on SQLite, where nobody can wait for that, whoever
    /// loses goes on with what the other has left.
    ///
    /// Takes as long as it takes: only the deadline of the caller's [`CallContext`] cuts it.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`], before anything is changed, if a migration was changed after it was applied, if one
    /// that was applied is not among these, if one of these is older than what was applied, or if one remained half done.
    /// If one fails, those before it stay applied; the error names it, and is of the kind that its cause has.
    ///
    /// # Cancel safety
    /// Dropped, it has applied some of them; the one under way is undone, where the database can. Call it again.
    pub async fn migrate(&self, migrations: &Migrations) -> Result<Vec<i64>, Error> {
        let database = self.database()?;
        let mut lease = database.0.writer.acquire(std::panic::Location::caller()).await?;
        // Closed at the end, whatever it is: the lock goes with it, and what the migrations set in the session.
        lease.session().broken = true;
        lease.allow(CallContext::current_deadline()).await?;
        let name = lease.name().to_owned();
        let applied = apply_to(&mut lease, &migrations.0).await?;
        applied.map_err(|error| explain(&name, &migrations.0, error))
    }
}

async fn apply_to(lease: &mut Lease, migrator: &Migrator) -> Result<Result<Vec<i64>, MigrateError>, Error> {
    lease
        .run(|connection| async move {
            let applied = match connection {
                #[cfg(feature = "sqlite")]
                Connection::Sqlite(connection) => apply(connection, migrator).await,
                #[cfg(feature = "postgres")]
                Connection::Postgres(connection) => match connection.lock().await {
                    Ok(()) => apply(connection, migrator).await,
                    Err(error) => Err(error),
                },
                #[cfg(feature = "mysql")]
                Connection::MySql(connection) => match lock(connection).await {
                    Ok(()) => apply(connection, migrator).await,
                    Err(error) => Err(error),
                },
            };
            match applied {
                // What broke the connection must be seen by who judges connections.
                Err(MigrateError::Execute(error)) => Err(error),
                applied => Ok(applied),
            }
        })
        .await
}

/// sqlx asks for its lock with a time of -1, which MariaDB refuses with a warning that nobody sees.
#[cfg(feature = "mysql")]
async fn lock(connection: &mut sqlx::MySqlConnection) -> Result<(), MigrateError> {
    const YEAR: i64 = 365 * 24 * 60 * 60;
    let name = "concat('seawall_migrations_', left(sha1(coalesce(database(), '')), 32))";
    let text = format!("select get_lock({name}, {YEAR}) = 1");
    let locked: Option<bool> = sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(connection).await?;
    match locked {
        Some(true) => Ok(()),
        _ => {
            Err(MigrateError::Execute(sqlx::Error::Protocol("the lock of the migrations was refused".into())))
        }
    }
}

/// Applies what is missing, after a look at what is there.
async fn apply<C: Migrate>(connection: &mut C, migrator: &Migrator) -> Result<Vec<i64>, MigrateError> {
    let table = &*migrator.table_name;
    connection.ensure_migrations_table(table).await?;
    if let Some(version) = connection.dirty_version(table).await? {
        return Err(MigrateError::Dirty(version));
    }
    let seen = connection.list_applied_migrations(table).await?;
    if let Some(lost) = seen.iter().find(|seen| !migrator.version_exists(seen.version)) {
        return Err(MigrateError::VersionMissing(lost.version));
    }
    let newest = seen.iter().map(|seen| seen.version).max().unwrap_or(0);
    let mut missing = Vec::new();
    for migration in migrator.iter() {
        if !is_among(&seen, migration)? {
            if migration.version < newest {
                return Err(MigrateError::VersionTooOld(migration.version, newest));
            }
            missing.push(migration);
        }
    }
    let mut applied = Vec::new();
    for migration in missing {
        match connection.apply(table, migration).await {
            Ok(_took) => applied.push(migration.version),
            Err(error) => {
                // On SQLite somebody else may have been faster; then there is nothing left to do. On MySQL what remained
                // half done is among the applied ones too.
                let whole = matches!(connection.dirty_version(table).await, Ok(None));
                let seen = connection.list_applied_migrations(table).await;
                if !whole || !is_among(&seen.unwrap_or_default(), migration)? {
                    return Err(error);
                }
            }
        }
    }
    Ok(applied)
}

/// Whether a migration was applied; an error if it was another one by the same version.
fn is_among(seen: &[AppliedMigration], migration: &Migration) -> Result<bool, MigrateError> {
    match seen.iter().find(|seen| seen.version == migration.version) {
        None => Ok(false),
        Some(seen) if seen.checksum == migration.checksum => Ok(true),
        Some(_) => Err(MigrateError::VersionMismatch(migration.version)),
    }
}

fn explain(database: &str, migrator: &Migrator, error: MigrateError) -> Error {
    let called = |version: i64| {
        let found = migrator.iter().find(|migration| migration.version == version);
        found.map_or_else(|| version.to_string(), |found| format!("{version} ({})", found.description))
    };
    let message = match error {
        MigrateError::ExecuteMigration(error, version) => {
            let message = format!("migration {} failed: {}", called(version), classify::words(&error));
            return classify::error(database, error).with_message(message);
        }
        MigrateError::VersionMismatch(version) => format!(
            "migration {} was changed after it was applied: undo the change, and make another migration of it",
            called(version)
        ),
        MigrateError::VersionMissing(version) => format!(
            "migration {version} was applied and is not among these: this program may be older than its database"
        ),
        MigrateError::VersionTooOld(version, newest) => format!(
            "migration {} is older than {}, which was applied: give it a newer version",
            called(version),
            called(newest)
        ),
        MigrateError::Dirty(version) => format!(
            "migration {} remained half done: bring the schema in order and delete its row from `_sqlx_migrations`",
            called(version)
        ),
        other => return wrong(database, "the migrations cannot be applied".into()).with_source(other),
    };
    wrong(database, message)
}

fn wrong(name: &str, message: String) -> Error {
    Error::new(FailureKind::Permanent, "sql", name.to_owned()).with_message(message)
}
