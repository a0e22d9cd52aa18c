//! Tables that change between two loads of one client.

use seawall_sql::refused_row;

use crate::support::{connect, count};

async fn prices(url: &str) -> Vec<(i64, String)> {
    connect(url).await.query("select id, price::text from item order by id").fetch_all().await.unwrap()
}

#[tokio::test]
async fn a_column_of_another_type_gets_what_it_would_have_got_from_a_new_client() {
    let url = seawall_testkit::servers::postgres_url().unwrap();
    let (sql, other) = (connect(&url).await, connect(&url).await);
    other.execute("create table item (id bigint primary key, price numeric(10,2))").await.unwrap();
    sql.insert_many("item", [(1, "0.1234")]).await.unwrap();
    other.execute("alter table item alter column price type numeric(10,4)").await.unwrap();
    let report = sql.insert_many("item", [(2, "0.1234")]).await.unwrap();
    assert_eq!((report.rows, report.changed), (1, 1));
    let expected = [(1, String::from("0.1200")), (2, String::from("0.1234"))];
    assert_eq!(prices(&url).await, expected);
    // A number that would be rounded on its way is refused, as it is by whoever looks first.
    other.execute("alter table item alter column price type double precision").await.unwrap();
    sql.insert_many("item", [(3, 0.5)]).await.unwrap();
    other.execute("alter table item alter column price type bigint").await.unwrap();
    let error = sql.insert_many("item", [(4, 1.0), (5, 0.5)]).await.unwrap_err();
    assert_eq!(refused_row(&error), Some(0), "{error}");
    assert_eq!(count(&other, "item").await, 3);
}

#[tokio::test]
async fn columns_that_came_and_went_are_found() {
    let url = seawall_testkit::servers::postgres_url().unwrap();
    let (sql, other) = (connect(&url).await, connect(&url).await);
    other.execute("create table item (id bigint primary key, price bigint)").await.unwrap();
    sql.insert_many("item", [(1, 10)]).await.unwrap();
    other.execute("alter table item add column name text").await.unwrap();
    sql.insert_many("item", [(2, 20, "two"), (3, 30, "three")]).await.unwrap();
    other.execute("alter table item drop column price").await.unwrap();
    sql.insert_many("item", [(4, "four")]).await.unwrap();
    let error = sql.insert_many("item", [(5, 50, "five")]).await.unwrap_err();
    assert!(error.to_string().contains("3 cells"), "{error}");
    other.execute("alter table item rename column name to label").await.unwrap();
    sql.upsert_many("item", &["id"], [(4, "IV"), (6, "VI")]).await.unwrap();
    other.execute("alter table item add column note text").await.unwrap();
    // As many cells as before, and they are not those of the table any more.
    let error = sql.insert_many("item", [(7, "seven")]).await.unwrap_err();
    assert!(error.to_string().contains("2 cells"), "{error}");
    let rows: Vec<(i64, Option<String>)> =
        sql.query("select id, label from item order by id").fetch_all().await.unwrap();
    let named = |id, name: &str| (id, Some(name.to_owned()));
    assert_eq!(rows, [(1, None), named(2, "two"), named(3, "three"), named(4, "IV"), named(6, "VI")]);
    other.execute("drop table item").await.unwrap();
    let error = sql.insert_many("item", [(8, "eight", "x")]).await.unwrap_err();
    assert!(error.to_string().contains("there is no table"), "{error}");
}

#[tokio::test]
async fn rows_that_change_nothing_are_no_sign_of_a_change() {
    let url = seawall_testkit::servers::postgres_url().unwrap();
    let sql = connect(&url).await;
    sql.execute("create table item (id bigint primary key, price bigint)").await.unwrap();
    sql.insert_many("item", [(1, 10)]).await.unwrap();
    let kept = sql.upsert_many("item", &["id"], [(1, 11)]).update(Vec::<String>::new()).await.unwrap();
    assert_eq!((kept.rows, kept.changed, kept.chunks), (1, 0, 1));
    let absent = sql.update_many("item", &["id"], [(2, 20)]).await.unwrap();
    assert_eq!((absent.rows, absent.changed), (1, 0));
    let deleted = sql.delete_many("item", &["id"], [[2], [1]]).await.unwrap();
    assert_eq!((deleted.rows, deleted.changed), (2, 1));
}
