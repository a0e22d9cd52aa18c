use std::future::ready;
use std::time::Duration;

use futures_util::TryStreamExt;
use seawall::core::{Error, FailureKind};
use seawall::sql::{Row, Sql, SqlConfig};
use seawall::telemetry::OtlpConfig;
use seawall::{Abandoned, AsyncIoSystem, Config};
use tempfile::TempDir;

use crate::loopback::Loopback;
use crate::support::{system, system_with};

const LONG: Duration = Duration::from_mins(10);

/// So short that it passes, and nothing that is tested ends before it by itself.
const SHORT: Duration = Duration::from_millis(50);

/// Begins a shutdown, and returns when calls are refused.
async fn begin(io: &AsyncIoSystem, deadline: Duration) -> tokio::task::JoinHandle<Result<(), Abandoned>> {
    let clone = io.clone();
    let shutdown = tokio::spawn(async move { clone.shutdown(deadline).await });
    while io.fs().exists("/").await.is_ok() {
        tokio::task::yield_now().await;
    }
    shutdown
}

#[tokio::test]
async fn a_call_begun_before_is_waited_for_and_succeeds() {
    let (io, _folder) = system().await;
    let server = Loopback::waiting().await;
    let request = io.http().get(&server.url);
    let call = tokio::spawn(async move { request.send().await?.into_body().text(100).await });
    server.arrival().await;
    let shutdown = begin(&io, LONG).await;
    assert!(!shutdown.is_finished());
    server.go_on();
    assert_eq!(call.await.unwrap().unwrap(), "hello");
    shutdown.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_that_fails_or_is_given_up_is_not_waited_for() {
    let (io, _folder) = system().await;
    let server = Loopback::waiting().await;
    let request = io.http().get(&server.url);
    let call = tokio::spawn(request.send());
    server.arrival().await;
    io.fs().read("/nowhere/at/all", 10).await.unwrap_err();
    call.abort();
    call.await.unwrap_err();
    io.shutdown(LONG).await.unwrap();
}

#[tokio::test]
async fn every_client_refuses_calls_once_it_began() {
    let (io, folder) = system().await;
    let server = Loopback::answering(200).await;
    io.shutdown(LONG).await.unwrap();
    let path = folder.path().join("x");
    let (http, sql, fs) = (io.http(), io.sql(), io.fs());
    let refused = [
        ("http", http.get(&server.url).send().await.unwrap_err()),
        ("http", http.post(&server.url).body("x").send().await.unwrap_err()),
        ("sql", sql.execute("create table t (a integer)").await.unwrap_err()),
        ("sql", sql.query("select 1").fetch_all::<Row>().await.unwrap_err()),
        ("sql", sql.query("select 1").stream().await.err().unwrap()),
        ("sql", sql.begin().await.unwrap_err()),
        ("fs", fs.read(&path, 10).await.unwrap_err()),
        ("fs", fs.write_atomic(&path, "x").await.unwrap_err()),
        ("fs", fs.atomic_writer(&path).await.unwrap_err()),
        ("fs", fs.append(&path).await.unwrap_err()),
        ("fs", fs.stream(&path, 0).try_next().await.unwrap_err()),
    ];
    for (client, error) in refused {
        assert_eq!(error.to_string(), format!("shutdown `{client}`: the system is shutting down"));
        assert_eq!(error.kind(), FailureKind::Refused);
        assert!(!error.may_have_executed());
    }
    assert_eq!(server.requests(), 0);
    assert!(!path.exists());
    // What goes past the stack ends at the closed pools.
    for error in [sql.ping().await.unwrap_err(), sql.table("t").await.unwrap_err()] {
        assert_eq!(error.kind(), FailureKind::Refused);
    }
}

#[tokio::test]
async fn the_cache_goes_on() {
    let (io, _folder) = system().await;
    io.shutdown(LONG).await.unwrap();
    io.cache().set("key", &1, LONG).await.unwrap();
    assert_eq!(io.cache().get_or_load("other", LONG, async || Ok::<_, Error>(2)).await.unwrap(), 2);
    assert_eq!(io.cache().get::<i32>("key").await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_response_is_under_way_until_its_body_was_read() {
    let (io, _folder) = system().await;
    let server = Loopback::waiting_half_way().await;
    let response = io.http().get(&server.url).send().await.unwrap();
    let shutdown = begin(&io, LONG).await;
    assert_eq!(io.stats().in_flight, 1);
    assert!(!shutdown.is_finished());
    server.go_on();
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(chunk) = body.try_next().await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    assert_eq!(text, b"hello");
    shutdown.await.unwrap().unwrap();
    drop(body);
}

#[tokio::test]
async fn a_response_dropped_half_read_is_not_waited_for() {
    let (io, _folder) = system().await;
    let server = Loopback::waiting_half_way().await;
    let mut body = io.http().get(&server.url).send().await.unwrap().into_body();
    assert_eq!(body.try_next().await.unwrap().unwrap(), "he");
    drop(body);
    io.shutdown(LONG).await.unwrap();
}

#[tokio::test]
async fn a_transaction_begun_before_may_go_on_and_commit() {
    let (io, folder) = system().await;
    io.sql().execute("create table t (a integer)").await.unwrap();
    let mut transaction = io.sql().begin().await.unwrap();
    transaction.execute("insert into t values (1)").await.unwrap();
    let shutdown = begin(&io, LONG).await;
    // As far as it gets: it has drained, and waits for the connection.
    while io.sql().ping().await.is_ok() {}
    assert!(!shutdown.is_finished());
    transaction.execute("insert into t values (2)").await.unwrap();
    transaction.commit().await.unwrap();
    shutdown.await.unwrap().unwrap();

    let url = format!("sqlite://{}", folder.path().join("seawall.db").display());
    let again = Sql::connect(&url, &SqlConfig::default(), std::sync::Arc::new(())).await.unwrap();
    let (rows,): (i64,) = again.query("select count(*) from t").fetch_one().await.unwrap();
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn a_stream_of_rows_begun_before_may_go_on() {
    let (io, _folder) = system().await;
    let count =
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) select i from n";
    let mut rows = io.sql().query(count).stream().await.unwrap();
    rows.try_next().await.unwrap().unwrap();
    let shutdown = begin(&io, LONG).await;
    let mut read = 1;
    while rows.try_next().await.unwrap().is_some() {
        read += 1;
    }
    drop(rows);
    assert_eq!(read, 5000);
    shutdown.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_does_not_end_by_the_deadline_is_abandoned_and_said() {
    let (io, _folder) = system().await;
    let server = Loopback::waiting().await;
    let call = tokio::spawn(io.http().get(&server.url).send());
    server.arrival().await;
    let transaction = io.sql().begin().await.unwrap();
    let abandoned = io.shutdown(SHORT).await.unwrap_err();
    assert_eq!(abandoned.what.len(), 2, "{abandoned}");
    assert_eq!(abandoned.what[0], "calls still under way: 1");
    assert!(
        abandoned.what[1].starts_with("sql `") && abandoned.what[1].contains("1 connections"),
        "{abandoned}"
    );
    assert!(abandoned.to_string().starts_with("shutdown had to abandon: calls still under way: 1; sql"));

    // Abandoned is not destroyed: who is under way may still end well, and a second shutdown finds nothing.
    drop(transaction);
    server.go_on();
    call.await.unwrap().unwrap();
    io.shutdown(LONG).await.unwrap();
}

#[tokio::test]
async fn a_second_shutdown_does_no_harm() {
    let (io, _folder) = system().await;
    let (one, two) = tokio::join!(io.shutdown(LONG), io.shutdown(LONG));
    one.unwrap();
    two.unwrap();
    io.shutdown(LONG).await.unwrap();
}

#[tokio::test]
async fn dropped_half_way_it_can_be_taken_up_again() {
    let (io, _folder) = system().await;
    let server = Loopback::waiting().await;
    let call = tokio::spawn(io.http().get(&server.url).send());
    server.arrival().await;
    tokio::select! {
        biased;
        ended = io.shutdown(LONG) => panic!("a call is under way: {ended:?}"),
        () = ready(()) => {}
    }
    assert_eq!(io.fs().exists("/").await.unwrap_err().layer(), "shutdown");
    server.go_on();
    call.await.unwrap().unwrap();
    io.shutdown(LONG).await.unwrap();
}

#[tokio::test]
async fn any_deadline_will_do() {
    let (io, _folder) = system().await;
    io.shutdown(Duration::MAX).await.unwrap();
    let (io, _folder) = system().await;
    // No time at all may not do, but says so and comes back.
    if let Err(abandoned) = io.shutdown(Duration::ZERO).await {
        assert!(!abandoned.what.is_empty());
    }
}

/// A system that sends its telemetry there.
async fn system_with_collector(endpoint: &str) -> (AsyncIoSystem, TempDir) {
    let mut config = Config::default();
    config.database_url = "sqlite::memory:".into();
    config.telemetry.otlp = Some(OtlpConfig { endpoint: endpoint.to_owned(), ..OtlpConfig::default() });
    system_with(|builder| builder.config(config)).await
}

#[tokio::test]
async fn telemetry_is_flushed_after_the_last_call_has_ended() {
    let collector = Loopback::answering(200).await;
    let (io, _folder) = system_with_collector(&collector.url).await;
    let server = Loopback::waiting().await;
    let call = tokio::spawn(io.http().get(&server.url).send());
    server.arrival().await;
    let shutdown = begin(&io, LONG).await;
    server.go_on();
    call.await.unwrap().unwrap();
    shutdown.await.unwrap().unwrap();
    // The call is the only one of its target, and is in what was sent.
    assert!(collector.received(b"POST /v1/metrics"));
    assert!(collector.received(server.url.as_bytes()));
}

#[tokio::test]
async fn what_telemetry_could_not_send_is_said() {
    let (io, _folder) = system_with_collector("http://127.0.0.1:9").await;
    io.sql().execute("select 1").await.unwrap();
    let abandoned = io.shutdown(LONG).await.unwrap_err();
    assert_eq!(abandoned.what.len(), 1, "{abandoned}");
    assert!(abandoned.what[0].starts_with("telemetry lost "), "{abandoned}");
}
