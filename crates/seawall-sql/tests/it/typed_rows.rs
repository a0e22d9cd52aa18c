use seawall_core::FailureKind;
use serde::Deserialize;

use crate::support::{connect, on_every_database};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    login_number: i32,
    name: Option<String>,
    #[serde(default)]
    is_admin: bool,
    mood: Mood,
    score: f64,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mood {
    Good,
    Bad,
}

on_every_database! {
    async fn rows_become_structs(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key, name varchar(9), adm integer, mood varchar(9), score double precision)")
            .await
            .unwrap();
        sql.execute("insert into t values (1, 'Ann', 1, 'good', 0.5), (2, null, 0, 'bad', 2)").await.unwrap();
        let quote = if url.starts_with("mysql") { '`' } else { '"' };
        let quoted = |text: &str| text.replace('"', &quote.to_string());
        let text = quoted(r#"select id as "loginNumber", name, mood, score, adm as unused from t order by id"#);
        let users: Vec<User> = sql.query(&text).fetch_all_as().await.unwrap();
        let ann = User { login_number: 1, name: Some("Ann".into()), is_admin: false, mood: Mood::Good, score: 0.5 };
        let nobody = User { login_number: 2, name: None, is_admin: false, mood: Mood::Bad, score: 2.0 };
        assert_eq!(users, [ann, nobody]);
        assert_eq!(sql.query(&text).fetch_one_as::<User>().await.unwrap(), users[0]);
        let none = sql.query("select * from t where id = 3").fetch_optional_as::<User>().await.unwrap();
        assert_eq!(none, None);

        let pair: (i64, String) = sql.query("select id, name from t where id = 1").fetch_one_as().await.unwrap();
        assert_eq!(pair, (1, "Ann".into()));
        let names: Vec<Option<String>> = sql.query("select name from t order by id").fetch_all_as().await.unwrap();
        assert_eq!(names, [Some("Ann".into()), None]);
        assert_eq!(sql.query("select count(*), 1 from t").fetch_scalar::<u8>().await.unwrap(), 2);
    }

    async fn a_row_that_does_not_fit_says_where_and_not_what(url: &str) {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "is never made")]
        struct Wrong { id: i64, name: i64 }
        let sql = connect(url).await;
        let read = |text: &'static str| {
            let sql = sql.clone();
            async move { sql.query(text).fetch_one_as::<Wrong>().await.unwrap_err() }
        };
        for (text, message) in [
            ("select 1 as id, 'hunter2' as name", "column `name`: it holds text, not i64"),
            ("select 1 as id, null as name", "column `name`: it holds null, not i64: read it as an Option"),
            ("select 1 as id", "no column `name`"),
        ] {
            let error = read(text).await;
            assert!(error.to_string().contains(message), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"));
            assert_eq!(error.kind(), FailureKind::Permanent);
        }
        let wide = sql.query("select 1, 2, 3").fetch_one_as::<(i64, i64)>().await.unwrap_err();
        assert!(wide.to_string().contains("3 columns"), "{wide}");
        let wide = sql.query("select 1, 2").fetch_one_as::<i64>().await.unwrap_err();
        assert!(wide.to_string().contains("2 columns and is read as one value"), "{wide}");
        let none = sql.query("select 1 where 1 = 2").fetch_scalar::<i64>().await.unwrap_err();
        assert!(none.to_string().contains("there is no row"), "{none}");
    }
}
