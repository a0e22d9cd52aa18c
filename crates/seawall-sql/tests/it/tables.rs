use seawall_core::FailureKind;
#[cfg(feature = "postgres")]
use seawall_sql::ColumnType;
use seawall_sql::ColumnType::{Boolean, Integer, Other, Real, Text};

use crate::support::{connect, on_every_database, table};

on_every_database! {
    async fn a_table_is_found_as_it_was_made(url: &str) {
        let sql = connect(url).await;
        let made = table("odd \" name", &[("a", Integer), ("select", Real), ("B b", Text), ("c", Boolean)]);
        assert_eq!(sql.table(&made.name).await.unwrap(), None);
        sql.create_table(&made).await.unwrap();
        assert_eq!(sql.table(&made.name).await.unwrap(), Some(made.clone()));
        let error = sql.create_table(&made).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.to_string().contains("already exists"), "{error}");
    }

    async fn a_schema_is_part_of_the_name(url: &str) {
        let sql = connect(url).await;
        let schema = match url.split_once(':').unwrap().0 {
            "sqlite" => "main",
            // Its schemas are its databases.
            "mysql" => url.rsplit_once('/').unwrap().1,
            _ => "public",
        };
        sql.create_table(&table(&format!("{schema}.t"), &[("a", Integer)])).await.unwrap();
        assert!(sql.table(&format!("{schema}.t")).await.unwrap().is_some());
        assert!(sql.table("t").await.unwrap().is_some());
        assert!(sql.table("elsewhere.t").await.unwrap_or_default().is_none());
    }
}

#[tokio::test]
async fn declared_types_of_sqlite_are_mapped() {
    let sql = connect("sqlite::memory:").await;
    sql.execute("create table t (a int, b varchar(10), c double, d decimal(10,2), e json, f)").await.unwrap();
    let found = sql.table("t").await.unwrap().unwrap();
    let types: Vec<_> = found.columns.into_iter().map(|column| column.column_type).collect();
    assert_eq!(
        types,
        [Integer, Text, Real, Other("decimal(10,2)".into()), Other("json".into()), Other(String::new())]
    );
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn types_of_postgres_are_mapped() {
    let sql = connect(&seawall_testkit::servers::postgres_url().unwrap()).await;
    sql.execute("create table t (a serial, b varchar(10), c real, d numeric(10,2), e timestamptz, f uuid[], g int generated always as (1) stored)")
        .await
        .unwrap();
    let found = sql.table("t").await.unwrap().unwrap();
    let types: Vec<_> = found.columns.into_iter().map(|column| column.column_type).collect();
    assert_eq!(
        types,
        [Integer, Text, Real, Other("numeric(10,2)".into()), ColumnType::Timestamp, Other("uuid[]".into())]
    );
}
