use std::sync::{Arc, Mutex};
use std::time::Duration;

use seawall_core::{Event, Observer, Origin};
use seawall_sql::{Row, Sql};

use crate::support::{connect_with, on_every_database};

/// Hears which queries were slow.
#[derive(Default)]
struct Slow(Mutex<Vec<&'static str>>);

impl Observer for Slow {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        if let Event::QueryRanSlow { place, .. } = event {
            assert_eq!((origin.pipeline, origin.strategy), ("sql", "slow_queries"));
            self.0.lock().unwrap().push(place.file());
        }
    }
}

on_every_database! {
    async fn what_is_slow_is_listed_without_its_values(url: &str) {
        let heard = Arc::new(Slow::default());
        let mut config = crate::support::patient();
        // Whatever is done takes at least no time at all.
        config.slow_queries.threshold = Some(Duration::ZERO);
        let sql = Sql::connect(url, &config, Arc::<Slow>::clone(&heard)).await.unwrap();
        sql.execute("create table t (n integer, word varchar(9))").await.unwrap();
        for n in 0..3 {
            let text = format!("insert into t values (:n, 'hunter{n}')");
            sql.execute(&text).bind("n", 700 + n).await.unwrap();
        }
        let mut transaction = sql.begin().await.unwrap();
        transaction.query("select word from t where n = 701").fetch_one::<Row>().await.unwrap();
        transaction.rollback().await.unwrap();

        let slow = sql.slow_queries(10);
        let mut statements: Vec<_> = slow.iter().map(|slow| (slow.statement.as_str(), slow.calls)).collect();
        statements.sort_unstable();
        assert_eq!(
            statements,
            [
                ("begin", 1),
                ("create table t (n integer, word varchar(?))", 1),
                ("insert into t values (:n, ?)", 3),
                ("select word from t where n = ?", 1),
            ]
        );
        assert!(slow.iter().all(|slow| slow.place.contains("slow_queries.rs") && slow.longest <= slow.total));
        assert!(slow.is_sorted_by(|one, other| one.total >= other.total));
        assert_eq!(sql.slow_queries(2), slow[..2]);
        let heard = heard.0.lock().unwrap();
        assert_eq!(heard.len(), 6);
        assert!(heard.iter().all(|file| file.ends_with("slow_queries.rs")));
    }
}

#[tokio::test]
async fn what_was_not_slow_for_longest_makes_room_and_what_is_quick_is_not_kept() {
    let sql = connect_with("sqlite::memory:", |config| {
        config.slow_queries.threshold = Some(Duration::ZERO);
        config.slow_queries.capacity = 3.try_into().unwrap();
    })
    .await;
    for column in ["a", "b", "c", "a", "d"] {
        sql.query(&format!("select 1 as {column}")).fetch_one::<Row>().await.unwrap();
    }
    let mut kept: Vec<String> = sql.slow_queries(9).into_iter().map(|slow| slow.statement).collect();
    kept.sort_unstable();
    assert_eq!(kept, ["select ? as a", "select ? as c", "select ? as d"]);

    for threshold in [None, Some(Duration::from_hours(1))] {
        let sql = connect_with("sqlite::memory:", |config| config.slow_queries.threshold = threshold).await;
        sql.query("select 1").fetch_one::<Row>().await.unwrap();
        assert_eq!(sql.slow_queries(9), []);
    }
}

#[tokio::test]
async fn a_query_that_was_given_up_was_slow_too() {
    let sql =
        connect_with("sqlite::memory:", |config| config.slow_queries.threshold = Some(Duration::ZERO)).await;
    let forever = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c";
    let patience = tokio::time::timeout(Duration::from_millis(20), sql.query(forever).fetch_one::<Row>());
    assert!(patience.await.is_err());
    assert_eq!(sql.slow_queries(9).len(), 1);
}
