use std::sync::Arc;

use seawall_core::{Error, FailureKind};
use seawall_sql::{Sql, SqlConfig};

async fn refused(url: &str) -> Error {
    let error = Sql::connect(url, &SqlConfig::default(), Arc::new(())).await.unwrap_err();
    assert!(!error.may_have_executed());
    error
}

#[tokio::test]
async fn a_place_that_cannot_be_opened_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display();
    let text = folder.path().join("text.db");
    std::fs::write(
        &text,
        "this is no database, though it is long enough to have a header of one ".repeat(20),
    )
    .unwrap();
    let locked = folder.path().join("locked.db");
    std::fs::write(&locked, "").unwrap();
    let mut permissions = std::fs::metadata(&locked).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&locked, permissions).unwrap();
    for (url, words) in [
        (format!("sqlite://{root}/missing/x.db"), "create it first"),
        (format!("sqlite://{root}"), "this is a folder"),
        (format!("sqlite://{root}/x.db?mode=rw"), "there is no such file"),
        (format!("sqlite://{}", locked.display()), "add `?mode=ro`"),
        (format!("sqlite://{}", text.display()), "check the path"),
        (format!("sqlite://{root}/x.db?mode=sideways"), "sideways"),
        ("sqlite://".into(), "names no file"),
        ("oracle://scott:tiger@host/db".into(), "must begin with"),
        (String::new(), "must begin with"),
    ] {
        let error = refused(&url).await;
        assert_eq!(error.kind(), FailureKind::Permanent, "{url}: {error}");
        assert!(error.to_string().contains(words), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("tiger"));
    }
}

#[tokio::test]
async fn a_file_can_be_opened_for_reading_only() {
    let file = crate::support::File::new();
    crate::support::connect(&file.url()).await.execute("create table t (n integer)").await.unwrap();
    let sql = crate::support::connect(&format!("{}?mode=ro", file.url())).await;
    assert_eq!(crate::support::count(&sql, "t").await, 0);
    let error = sql.execute("insert into t values (1)").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.to_string().contains("make the file and its folder writable"), "{error}");
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_login_that_fails_shows_no_password() {
    let good = url::Url::parse(&seawall_testkit::servers::postgres_url().unwrap()).unwrap();
    let mut wrong = good.clone();
    wrong.set_username("nobody_here").unwrap();
    wrong.set_password(Some("hunter2")).unwrap();
    let mut missing = good.clone();
    missing.set_path("no_such_database");
    let mut closed = wrong.clone();
    closed.set_port(Some(1)).unwrap();
    for (url, words) in [(wrong, "user"), (missing, "database of the URL"), (closed, "refused")] {
        let error = refused(url.as_str()).await;
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let sql = crate::support::connect(good.as_str()).await;
    assert!(!format!("{sql:?}").contains("postgres@"));
}
