use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use seawall_core::FailureKind;
use seawall_redis::Pipelined;
use seawall_redis::redis::Value;
use seawall_testkit::servers::redis_url;

use crate::support::{connect, connect_with, until};

#[tokio::test]
async fn a_session_watches_and_its_transaction_is_nil_when_somebody_else_was_first() {
    let redis = connect().await;
    let mut session = redis.session().await.unwrap();
    session.command("WATCH").arg("a").execute().await.unwrap();
    redis.set("a", 1).await.unwrap();
    let commands = Pipelined::default().atomic().command("SET").arg("a").arg(2);
    assert_eq!(session.query::<Option<Vec<Value>>>(commands).await.unwrap(), None);
    assert_eq!(redis.get::<i64>("a").await.unwrap(), 1);
    drop(session);
    until("it goes back", async || {
        let stats = redis.stats().unwrap().dedicated;
        (stats.open, stats.in_use) == (1, 0)
    })
    .await;
}

#[tokio::test]
async fn what_a_session_leaves_behind_is_never_found_by_the_next() {
    let redis =
        connect_with(&redis_url().unwrap(), |config| config.dedicated.size = 1.try_into().unwrap()).await;
    for left_behind in ["WATCH a", "MULTI", "SELECT 0", "CLIENT SETNAME me", "CLIENT REPLY OFF"] {
        let mut session = redis.session().await.unwrap();
        let mut words = left_behind.split(' ');
        let command = session.command(words.next().unwrap()).arg(words.collect::<Vec<_>>());
        // The last of them is never answered.
        let command = tokio::time::timeout(std::time::Duration::from_millis(200), command.execute());
        let _ = command.await;
        drop(session);
        until("it is closed", async || redis.stats().unwrap().dedicated.open == 0).await;
        let mut session = redis.session().await.unwrap();
        let name: Option<String> = session.command("CLIENT").arg("GETNAME").query().await.unwrap();
        assert_eq!(name.unwrap_or_default(), "", "{left_behind}");
        redis.set("a", left_behind).await.unwrap();
        let commands = Pipelined::default().atomic().command("GET").arg("a");
        let (seen,): (String,) = session.query(commands).await.unwrap();
        assert_eq!(seen, left_behind);
        drop(session);
        redis.session().await.unwrap().command("SELECT").arg(0).execute().await.unwrap();
        until("it is closed", async || redis.stats().unwrap().dedicated.open == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_get_in_each_others_way_all_count_once() {
    let redis = connect().await;
    redis.set("n", 0).await.unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let add = |redis: seawall_redis::Redis, runs: Arc<AtomicUsize>| async move {
        let mut done = 0;
        while done < 10 {
            let runs = Arc::clone(&runs);
            let sum = redis
                .transaction::<(String,)>("n", async move |session| {
                    runs.fetch_add(1, SeqCst);
                    let n: i64 = session.command("GET").arg("n").query().await?;
                    Ok(Some(Pipelined::default().command("SET").arg("n").arg(n + 1)))
                })
                .await;
            match sum {
                Ok(Some(_)) => done += 1,
                // Starved, which is said and undone.
                Err(error) if error.kind() == FailureKind::Transient && !error.may_have_executed() => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(add(redis.clone(), Arc::clone(&runs)))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(redis.get::<i64>("n").await.unwrap(), 80);
    assert!(runs.load(SeqCst) >= 80);
}

#[tokio::test]
async fn a_transaction_may_decide_to_change_nothing() {
    let redis = connect().await;
    let nothing = redis.transaction::<Value>("a", async |_| Ok(None)).await.unwrap();
    assert_eq!(nothing, None);
    assert_eq!(redis.stats().unwrap().dedicated.in_use, 0);
    assert_eq!(redis.stats().unwrap().dedicated.open, 1);
}
