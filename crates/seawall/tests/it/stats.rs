use std::collections::BTreeSet;

use serde_json::Value;

use crate::loopback::Loopback;
use crate::support::system;

#[tokio::test]
async fn what_was_done_is_in_the_numbers() {
    let (io, _folder) = system().await;
    let server = Loopback::answering(200).await;
    for _ in 0..3 {
        io.http().get(&server.url).send().await.unwrap().into_body().collect(100).await.unwrap();
    }
    io.sql().execute("create table t (a integer)").await.unwrap();
    io.sql().execute("insert into nowhere values (1)").await.unwrap_err();
    io.cache().get::<i32>("nothing").await.unwrap();

    let stats = io.stats();
    let http = stats.calls.target("http", &server.url).unwrap();
    assert_eq!((http.calls.success, http.calls.failures(), http.attempts.total()), (3, 0, 3));
    let duration = http.duration.unwrap();
    assert!(duration.p50 <= duration.p95 && duration.p95 <= duration.p99 && !duration.p50.is_zero());
    let sql = stats.calls.targets.iter().find(|target| target.pipeline == "sql").unwrap();
    assert_eq!((sql.calls.success, sql.calls.permanent), (1, 1));
    let pools = stats.sql.unwrap();
    assert_eq!((pools.writer.opened, pools.writer.in_use), (1, 0));
    assert_eq!(stats.cache.misses, 1);
    assert_eq!(stats.in_flight, 0);
    let [target] = &stats.targets["http"][..] else { panic!("{:?}", stats.targets) };
    assert_eq!(
        (&target.target, target.limit, target.in_flight, target.waiting),
        (&server.url, Some(50.0), 0, 0)
    );
    // The pool is the limit of the database.
    assert_eq!(stats.targets["sql"][0].limit, None);
}

#[tokio::test]
async fn a_call_under_way_is_counted() {
    let (io, _folder) = system().await;
    let server = Loopback::waiting().await;
    let call = tokio::spawn({
        let request = io.http().get(&server.url);
        async move { request.send().await }
    });
    server.arrival().await;
    let stats = io.stats();
    assert_eq!((stats.in_flight, stats.targets["http"][0].in_flight), (1, 1));
    server.go_on();
    let response = call.await.unwrap().unwrap();
    response.into_body().collect(100).await.unwrap();
    assert_eq!(io.stats().in_flight, 0);
}

#[tokio::test]
async fn the_json_form_keeps_its_keys() {
    let (io, _folder) = system().await;
    let server = Loopback::answering(200).await;
    io.http().get(&server.url).send().await.unwrap();
    io.http().breaker(&server.url).unwrap().force_open();
    let mut keys = BTreeSet::new();
    gather(&mut keys, "", &serde_json::to_value(io.stats()).unwrap());
    // Nothing, because this system has none.
    keys.remove("redis");
    let keys = keys.into_iter().collect::<Vec<_>>().join("\n") + "\n";
    assert_eq!(keys, include_str!("stats_keys.txt"), "now:\n{keys}");
}

/// The paths to all plain values.
fn gather(keys: &mut BTreeSet<String>, path: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                gather(keys, &format!("{path}.{key}"), value);
            }
        }
        Value::Array(values) => {
            for value in values {
                gather(keys, &format!("{path}[]"), value);
            }
        }
        _ => {
            keys.insert(path.trim_start_matches('.').to_owned());
        }
    }
}
