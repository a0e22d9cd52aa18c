use seawall_core::Error;
use seawall_sql::{ALREADY_COMMITTED, Sql, Transaction, transaction};

use crate::support::{connect, count, on_every_database};

/// An error of a user's own.
#[derive(Debug)]
enum TransferError {
    Poor { balance: i64 },
    Sql(Error),
}

impl From<Error> for TransferError {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

#[transaction(isolation = "serializable", retries = 5, timeout = "20s")]
async fn transfer(
    sql: &Sql,
    tx: &mut Transaction,
    from: i64,
    to: i64,
    amount: i64,
) -> Result<i64, TransferError> {
    let change = "update account set balance = balance + :change where id = :id";
    tx.execute(change).bind("change", -amount).bind("id", from).await?;
    tx.execute(change).bind("change", amount).bind("id", to).await?;
    let (balance,) =
        tx.query("select balance from account where id = :id").bind("id", from).fetch_one().await?;
    if balance < 0 {
        return Err(TransferError::Poor { balance });
    }
    Ok(balance)
}

struct Notes {
    sql: Sql,
}

impl Notes {
    #[transaction(on = self.sql, idempotency_key = "note:{number}")]
    async fn add(
        &self,
        tx: &mut Transaction,
        number: i64,
        mut words: Vec<String>,
        (a, b): (&str, char),
    ) -> Result<String, Error> {
        words.push(format!("{a}{b}"));
        let text = words.join(" ");
        tx.execute("insert into note values (:number, :text)")
            .bind("number", number)
            .bind("text", text.as_str())
            .await?;
        Ok(text)
    }

    #[transaction(on = self.sql, read_only)]
    async fn all<T>(&self, tx: &mut Transaction, make: T) -> Result<Vec<String>, Error>
    where
        T: Fn(String) -> String + Clone,
    {
        let rows: Vec<(String,)> = tx.query("select text from note order by number").fetch_all().await?;
        Ok(rows.into_iter().map(|(text,)| make(text)).collect())
    }
}

on_every_database! {
    async fn a_function_runs_in_a_transaction_of_its_own(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table account (id integer primary key, balance integer)").await.unwrap();
        sql.execute("insert into account values (1, 100), (2, 0)").await.unwrap();
        assert_eq!(transfer(&sql, 1, 2, 30).await.unwrap(), 70);
        let poor = transfer(&sql, 1, 2, 100).await.unwrap_err();
        assert!(matches!(poor, TransferError::Poor { balance: -30 }), "{poor:?}");
        let task = tokio::spawn({
            let sql = sql.clone();
            async move { transfer(&sql, 2, 1, 30).await }
        });
        assert_eq!(task.await.unwrap().unwrap(), 0);
        let rows: Vec<(i64,)> = sql.query("select balance from account order by id").fetch_all().await.unwrap();
        assert_eq!(rows, [(100,), (0,)]);
        sql.execute("drop table account").await.unwrap();
        let broken = transfer(&sql, 1, 2, 1).await.unwrap_err();
        assert!(matches!(&broken, TransferError::Sql(error) if error.layer() == "sql"), "{broken:?}");
    }

    async fn a_method_runs_in_a_transaction_of_the_client_it_names(url: &str) {
        let notes = Notes { sql: connect(url).await };
        notes.sql.execute("create table note (number integer, text varchar(40))").await.unwrap();
        assert_eq!(notes.add(1, vec!["hello".into()], ("world", '!')).await.unwrap(), "hello world!");
        let again = notes.add(1, Vec::new(), ("", ' ')).await.unwrap_err();
        assert_eq!(again.layer(), ALREADY_COMMITTED, "{again}");
        notes.add(2, Vec::new(), ("bye", '.')).await.unwrap();
        assert_eq!(notes.all(|text| text.to_uppercase()).await.unwrap(), ["HELLO WORLD!", "BYE."]);
        assert_eq!(count(&notes.sql, "note").await, 2);
    }
}
