use seawall_core::FailureKind;
use seawall_sql::{Row, Value};

use crate::support::{connect, on_every_database};

on_every_database! {
    async fn values_come_back_as_they_were_bound(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key, a text, b double precision, c text)").await.unwrap();
        let changed = sql
            .execute("insert into t values (:id, :a, :b, :c), (:id + 1, :a, :b, :c)")
            .bind("id", 1).bind("a", "it's; drop table t --").bind("b", 0.1).bind("c", None::<String>)
            .await.unwrap();
        assert_eq!(changed, 2);
        let row: (i64, String, f64, Option<String>) =
            sql.query("select id, a, b, c from t where id = :id").bind("id", 2).fetch_one().await.unwrap();
        assert_eq!(row, (2, "it's; drop table t --".into(), 0.1, None));
        let rows: Vec<Row> = sql.query("select * from t order by id").fetch_all().await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get::<i32>("id").unwrap(), 1);
        assert_eq!(rows[0].value("c"), Some(&Value::Null));
        let none: Option<Row> = sql.query("select * from t where id = 9").fetch_optional().await.unwrap();
        assert_eq!(none, None);
    }

    async fn a_row_that_is_read_wrongly_says_what_it_holds(url: &str) {
        let sql = connect(url).await;
        let row: Row = sql.query("select 'x' as word, null as empty, 300 as big").fetch_one().await.unwrap();
        let message = |error: seawall_core::Error| error.to_string();
        assert!(message(row.get::<i64>("word").unwrap_err()).contains("column `word` holds text, not an integer"));
        assert!(message(row.get::<String>("empty").unwrap_err()).contains("read it as an Option"));
        assert!(message(row.get::<u8>("big").unwrap_err()).contains("fits 8 bits"));
        assert!(message(row.get::<i64>("other").unwrap_err()).contains("`word`, `empty`, `big`"));
        assert!(message(row.get::<i64>(3).unwrap_err()).contains("number 3"));
        let wide = sql.query("select 1, 2").fetch_one::<(i64,)>().await.unwrap_err();
        assert!(message(wide).contains("2 columns and is read as a tuple of 1"));
    }

    async fn parameters_and_values_must_match(url: &str) {
        let sql = connect(url).await;
        let missing = sql.query("select :a, :b").bind("a", 1).fetch_all::<Row>().await.unwrap_err();
        assert!(missing.to_string().contains("`:b` has no value"), "{missing}");
        let unknown = sql.query("select :a").bind("a", 1).bind("c", 1).fetch_all::<Row>().await.unwrap_err();
        assert!(unknown.to_string().contains("bound to `:c`, but the statement has `:a`"), "{unknown}");
        assert_eq!(unknown.kind(), FailureKind::Permanent);
        assert!(!unknown.may_have_executed());
    }

    async fn a_mistake_is_permanent_and_leaves_the_connection_in_use(url: &str) {
        let sql = connect(url).await;
        let error = sql.execute("insert into nowhere values (1)").await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.to_string().contains("nowhere"), "{error}");
        assert_eq!(sql.stats().unwrap().writer.destroyed, 0);
    }

    async fn text_cannot_begin_a_transaction_on_a_connection_of_the_pool(url: &str) {
        let sql = connect(url).await;
        for text in ["begin", "  COMMIT", "select 1; begin"] {
            let error = sql.execute(text).await.unwrap_err();
            assert!(error.to_string().contains("use `begin()`"), "{error}");
        }
    }

    async fn what_is_bound_is_in_no_error_and_no_debug(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer)").await.unwrap();
        let query = sql.query("insert into t values (:secret)").bind("secret", "hunter2");
        assert!(!format!("{query:?}").contains("hunter2"));
        let error = sql.query("insert into nowhere values (:secret)").bind("secret", "hunter2").execute().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn fetches_that_write_go_to_the_connection_that_writes() {
    let file = crate::support::File::new();
    let sql = connect(&file.url()).await;
    sql.execute("create table t (id integer primary key, a text)").await.unwrap();
    let (id,): (i64,) = sql.query("insert into t (a) values ('x') returning id").fetch_one().await.unwrap();
    assert_eq!(id, 1);
    assert_eq!(sql.stats().unwrap().readers.unwrap().opened, 0);
    assert_eq!(crate::support::count(&sql, "t").await, 1);
    assert_eq!(sql.stats().unwrap().readers.unwrap().opened, 1);
}

#[tokio::test]
async fn literals_that_look_like_parameters_reach_the_database_unchanged() {
    let sql = connect("sqlite::memory:").await;
    let row: (String, String, i64) = sql
        .query("select ':a''b /* -- ', \"x\" as \":a\", :a -- :b\n from (select ';:a' as x) /* :c */")
        .bind("a", 7)
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(row, (":a'b /* -- ".into(), ";:a".into(), 7));
}

#[tokio::test]
async fn bytes_and_booleans_survive_sqlite() {
    let sql = connect("sqlite::memory:").await;
    let row: (Vec<u8>, bool, Vec<u8>) = sql
        .query("select :a, :b, :c")
        .bind("a", vec![0_u8, 255])
        .bind("b", true)
        .bind("c", Vec::<u8>::new())
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(row, (vec![0, 255], true, vec![]));
}
