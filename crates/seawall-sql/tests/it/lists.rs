use seawall_core::FailureKind;
use seawall_sql::{Sql, Value};

use crate::support::{connect, on_every_database};

async fn numbers(sql: &Sql) {
    sql.execute("create table t (n integer primary key, word varchar(9))").await.unwrap();
    for n in 1..=9 {
        sql.execute("insert into t values (:n, :word)")
            .bind("n", n)
            .bind("word", format!("w{n}"))
            .await
            .unwrap();
    }
}

on_every_database! {
    async fn a_list_is_chosen_from(url: &str) {
        let sql = connect(url).await;
        numbers(&sql).await;
        for length in 1..=9_i64 {
            let ids: Vec<i64> = (1..=length).collect();
            let found: Vec<(i64,)> = sql
                .query("select n from t where n < :top and n in (:ids) order by n")
                .bind("ids", &ids)
                .bind("top", 8)
                .fetch_all()
                .await
                .unwrap();
            assert_eq!(found.into_iter().map(|(n,)| n).collect::<Vec<_>>(), (1..=length.min(7)).collect::<Vec<_>>());
            let others: i64 = sql
                .query("select count(*) from t where n not in ( :ids ) or word in (:words)")
                .bind("ids", ids)
                .bind("words", ["w1", "w2"])
                .fetch_scalar()
                .await
                .unwrap();
            assert_eq!(others, 9 - length + length.min(2));
        }
        let changed = sql.execute("update t set word = null where n in (:ids)").bind("ids", [1, 3]).await.unwrap();
        assert_eq!(changed, 2);
    }

    async fn a_list_that_cannot_be_placed_is_refused_before_anything_is_sent(url: &str) {
        let sql = connect(url).await;
        let refusal = |text: &'static str, list: Value| {
            let sql = sql.clone();
            async move { sql.query(text).bind("ids", list).fetch_scalar::<i64>().await.unwrap_err() }
        };
        let empty = refusal("select 1 where 1 in (:ids)", Value::List(vec![])).await;
        assert!(empty.to_string().contains("`:ids` is empty"), "{empty}");
        let long = refusal("select 1 where 1 in (:ids)", (0..70_000).collect()).await;
        assert!(long.to_string().contains("70000 parameters"), "{long}");
        for error in [empty, long] {
            assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Permanent, false));
        }
        let misplaced = refusal("select :ids", (0..2).collect()).await;
        assert_eq!(misplaced.kind(), FailureKind::Permanent, "{misplaced}");
    }

    async fn a_long_list_that_no_power_of_two_fits_is_taken_as_it_is(url: &str) {
        let sql = connect(url).await;
        numbers(&sql).await;
        let ids: Value = (5..32_000_i64).collect();
        let found: i64 =
            sql.query("select count(*) from t where n in (:ids)").bind("ids", ids).fetch_scalar().await.unwrap();
        assert_eq!(found, 5);
    }
}

#[cfg(feature = "postgres")]
type Arrays = (Vec<Option<i64>>, Vec<String>, Vec<String>, Vec<String>, Vec<bool>, Vec<f64>);

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_takes_and_returns_lists_as_arrays() {
    let sql = connect(&seawall_testkit::servers::postgres_url().unwrap()).await;
    sql.execute("create type mood as enum ('good', 'bad')").await.unwrap();
    sql.execute("create table t (a int4[], b text[], c uuid[], d mood[], e bool[], f float8[])")
        .await
        .unwrap();
    sql.execute("insert into t values (:a, :b, :c, :d, :e, :f)")
        .bind("a", [Some(1), None])
        .bind("b", ["it's", "", "{,}"])
        .bind("c", Vec::<String>::new())
        .bind("d", ["bad"])
        .bind("e", [true, false])
        .bind("f", [0.5])
        .await
        .unwrap();
    let row: Arrays = sql.query("select * from t where 1 = any(a)").fetch_one().await.unwrap();
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = (
        vec![Some(1), None],
        texts(&["it's", "", "{,}"]),
        vec![],
        texts(&["bad"]),
        vec![true, false],
        vec![0.5],
    );
    assert_eq!(row, expected);
    let matches = |list: Value| {
        sql.query("select count(*) from t where a[1] = any(:ids) and a[1] in (1)")
            .bind("ids", list)
            .fetch_scalar::<i64>()
    };
    assert_eq!(matches([1_i64, 2].into()).await.unwrap(), 1);
    assert_eq!(matches(Value::List(vec![])).await.unwrap(), 0);
    let wide = matches(vec![1_i64 << 40].into()).await.unwrap_err();
    assert!(wide.to_string().contains("does not fit a parameter of type INT4"), "{wide}");
    let nested = sql.query("select array[[1, 2]] as a").fetch_scalar::<Vec<i64>>().await.unwrap_err();
    assert!(nested.to_string().contains("several dimensions"), "{nested}");
}
