use seawall_core::{Error, FailureKind};
use seawall_sql::{Migrations, Sql};

use crate::support::{connect, count, on_every_database};

const USERS: (i64, &str, &str) =
    (1, "users", "create table users (id integer primary key); insert into users values (1)");
const MAIL: (i64, &str, &str) = (2, "mail", "alter table users add column mail varchar(9)");

fn migrations<const N: usize>(list: [(i64, &'static str, &'static str); N]) -> Migrations {
    Migrations::new(list).unwrap()
}

async fn refused<const N: usize>(sql: &Sql, list: [(i64, &'static str, &'static str); N]) -> Error {
    let error = sql.migrate(&migrations(list)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    error
}

on_every_database! {
    async fn each_migration_is_applied_once_and_in_order(url: &str) {
        let sql = connect(url).await;
        assert_eq!(sql.migrate(&migrations([USERS])).await.unwrap(), [1]);
        assert_eq!(sql.migrate(&migrations([MAIL, USERS])).await.unwrap(), [2]);
        assert_eq!(connect(url).await.migrate(&migrations([USERS, MAIL])).await.unwrap(), Vec::<i64>::new());
        let mail: Option<String> = sql.query("select mail from users").fetch_scalar().await.unwrap();
        assert_eq!(mail, None);
    }

    async fn what_does_not_fit_the_database_is_refused_and_changes_nothing(url: &str) {
        let sql = connect(url).await;
        sql.migrate(&migrations([USERS, (3, "third", "create table third (id integer)")])).await.unwrap();
        let third = (3, "third", "create table third (id integer)");
        for (error, says) in [
            (refused(&sql, [(1, "users", "create table users (id bigint)"), third]).await, "migration 1 (users) was changed"),
            (refused(&sql, [USERS]).await, "migration 3 was applied and is not among these"),
            (refused(&sql, [USERS, MAIL, third]).await, "migration 2 (mail) is older than 3 (third)"),
        ] {
            assert!(error.to_string().contains(says), "{error}");
        }
        assert_eq!(sql.table("users").await.unwrap().unwrap().columns.len(), 1);
    }

    async fn one_that_fails_is_named_and_those_before_it_stay(url: &str) {
        let sql = connect(url).await;
        let broken = (2, "broken", "insert into users values (2); insert into nowhere values (1)");
        let error = refused(&sql, [USERS, broken]).await;
        assert!(error.to_string().contains("migration 2 (broken) failed") && error.to_string().contains("nowhere"), "{error}");
        if url.starts_with("mysql") {
            // Even what could be undone in another transaction is noted as begun there.
            return;
        }
        assert_eq!(count(&sql, "users").await, 1, "it was undone as a whole");
        assert_eq!(sql.migrate(&migrations([USERS, MAIL])).await.unwrap(), [2]);
    }

    async fn many_that_migrate_at_once_apply_each_migration_once(url: &str) {
        let list = || migrations([USERS, MAIL, (3, "more", "insert into users (id) values (2)")]);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let sql = connect(url).await;
            let list = list();
            tasks.spawn(async move { sql.migrate(&list).await.unwrap() });
        }
        let mut applied: Vec<i64> = tasks.join_all().await.into_iter().flatten().collect();
        applied.sort_unstable();
        assert_eq!(applied, [1, 2, 3]);
        assert_eq!(count(&connect(url).await, "users").await, 2);
    }
}

#[cfg(feature = "mysql")]
#[tokio::test]
async fn mariadb_says_what_remained_half_done() {
    let sql = connect(&seawall_testkit::servers::mariadb_url().unwrap()).await;
    let broken = (2, "broken", "create table half (id integer); insert into nowhere values (1)");
    refused(&sql, [USERS, broken]).await;
    let error = refused(&sql, [USERS, broken]).await;
    assert!(error.to_string().contains("migration 2 (broken) remained half done"), "{error}");
}

#[tokio::test]
async fn a_folder_is_read_and_what_cannot_be_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("1_users.sql", USERS.2), ("0002_mail.sql", MAIL.2), ("notes.txt", "no migration")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let sql = connect("sqlite::memory:").await;
    let migrations = Migrations::from_folder(folder.path()).await.unwrap();
    assert_eq!(sql.migrate(&migrations).await.unwrap(), [1, 2]);

    let nowhere = Migrations::from_folder(folder.path().join("nowhere")).await.unwrap_err();
    assert!(nowhere.to_string().contains("nowhere` cannot be read"), "{nowhere}");
    let twice = Migrations::new([USERS, (1, "again", "select 1")]).unwrap_err();
    assert!(twice.to_string().contains("two migrations have version 1"), "{twice}");
    let zero = Migrations::new([(0, "zero", "select 1")]).unwrap_err();
    assert!(zero.to_string().contains("the first is 1"), "{zero}");
}
