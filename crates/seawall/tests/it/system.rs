use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use seawall::core::{Error, Event, Observer, Origin};
use seawall::fs::{Fs, FsRequest, FsResponse};
use seawall::http::{Body, Http, HttpConfig};
use seawall::sql::{Reply, Sql, Statement};
use seawall::telemetry::{Telemetry, TelemetryConfig};
use tower::service_fn;
use tower::util::MapRequestLayer;

use crate::loopback::Loopback;
use crate::support::{system, system_with};

#[tokio::test]
async fn the_embedded_defaults_need_nothing_installed() {
    let (io, folder) = system().await;
    io.sql().execute("create table t (a integer)").await.unwrap();
    io.sql().execute("insert into t values (:a)").bind("a", 7).await.unwrap();
    let (stored,): (i64,) = io.sql().query("select a from t").fetch_one().await.unwrap();
    assert_eq!(stored, 7);

    let path = folder.path().join("x");
    io.fs().write_atomic(&path, "hello").await.unwrap();
    assert_eq!(io.fs().read(&path, 100).await.unwrap(), "hello");

    io.cache().set("key", "value", Duration::from_mins(1)).await.unwrap();
    assert_eq!(io.cache().get::<String>("key").await.unwrap().as_deref(), Some("value"));

    let server = Loopback::answering(200).await;
    let response = io.http().get(&server.url).send().await.unwrap();
    assert_eq!(response.into_body().text(100).await.unwrap(), "hello");
    io.shutdown(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test]
async fn clones_share_everything() {
    let (io, _folder) = system().await;
    let clone = io.clone();
    clone.cache().set("key", &1, Duration::from_mins(1)).await.unwrap();
    assert_eq!(io.cache().get::<i32>("key").await.unwrap(), Some(1));
    clone.shutdown(Duration::from_secs(10)).await.unwrap();
    assert_eq!(io.sql().execute("select 1").await.unwrap_err().layer(), "shutdown");
}

#[tokio::test]
async fn clients_of_your_own_stand_behind_the_same_doors() {
    let http = Http::from_service(service_fn(async |request: Request<Body>| {
        Ok::<_, Error>(Response::new(request.into_body()))
    }));
    let sql = Sql::from_service(service_fn(async |_: Statement| Ok::<_, Error>(Reply::Changed(42))));
    let fs = Fs::from_service(service_fn(async |_: FsRequest| Ok::<_, Error>(FsResponse::new(()))));
    let (io, folder) = system_with(|builder| builder.http(http).sql(sql).fs(fs)).await;

    let echo = io.http().post("http://nowhere.test/").body("mine").send().await.unwrap();
    assert_eq!(echo.into_body().text(100).await.unwrap(), "mine");
    assert_eq!(io.sql().execute("anything").await.unwrap(), 42);
    io.fs().write_atomic("/nowhere/at/all", "x").await.unwrap();
    assert!(
        !folder.path().join("seawall.db").exists(),
        "the database of the configuration was opened all the same"
    );

    io.shutdown(Duration::from_secs(10)).await.unwrap();
    assert_eq!(io.http().get("http://nowhere.test/").send().await.unwrap_err().layer(), "shutdown");
    assert_eq!(io.sql().execute("anything").await.unwrap_err().layer(), "shutdown");
    assert_eq!(io.fs().remove("/nowhere/at/all").await.unwrap_err().layer(), "shutdown");
}

#[tokio::test]
async fn a_tower_layer_of_your_own_sees_every_call() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let counting = MapRequestLayer::new(move |request: Request<Body>| {
        counter.fetch_add(1, Ordering::SeqCst);
        request
    });
    let http = Http::new(&HttpConfig::default(), Arc::new(())).unwrap().layer(counting);
    let (io, _folder) = system_with(|builder| builder.http(http)).await;
    let server = Loopback::answering(200).await;
    for _ in 0..3 {
        io.http().get(&server.url).send().await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<Vec<String>>>);

impl Observer for Recorded {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        if let Event::Completed { .. } = event {
            self.0.lock().unwrap().push(origin.pipeline.to_owned());
        }
    }
}

#[tokio::test]
async fn an_observer_is_told_what_telemetry_is_told() {
    let recorded = Recorded::default();
    let (io, folder) = system_with(|builder| builder.observer(recorded.clone())).await;
    let server = Loopback::answering(200).await;
    io.http().get(&server.url).send().await.unwrap();
    io.sql().execute("select 1").await.unwrap();
    io.fs().write_atomic(folder.path().join("x"), "x").await.unwrap();
    assert_eq!(*recorded.0.lock().unwrap(), ["http", "sql", "fs"]);
    assert_eq!(io.stats().calls.targets.len(), 3);
}

#[tokio::test]
async fn clients_of_your_own_are_in_the_statistics_when_they_are_given_its_telemetry() {
    let telemetry = Arc::new(Telemetry::new(&TelemetryConfig::default()).unwrap());
    let http = Http::new(&HttpConfig::default(), Arc::<Telemetry>::clone(&telemetry)).unwrap();
    let (io, _folder) = system_with(|builder| builder.http(http).telemetry(telemetry)).await;
    let server = Loopback::answering(200).await;
    io.http().get(&server.url).send().await.unwrap();
    assert_eq!(io.stats().calls.target("http", &server.url).unwrap().calls.success, 1);
}

#[tokio::test]
async fn http_attempts_are_measured_by_the_convention_without_path_or_query() {
    let (io, _folder) = system().await;
    let server = Loopback::answering(200).await;
    io.http().get(format!("{}/path?token=s3cret", server.url)).send().await.unwrap();
    let metrics = io.telemetry().render_prometheus();
    let of_attempts: Vec<_> = metrics
        .lines()
        .filter(|line| line.starts_with("http_client_request_duration_seconds_count"))
        .collect();
    let [line] = of_attempts[..] else { panic!("{metrics}") };
    let port = server.url.rsplit(':').next().unwrap();
    for label in [
        r#"http_request_method="GET""#,
        r#"http_response_status_code="200""#,
        r#"server_address="127.0.0.1""#,
        &format!("server_port=\"{port}\""),
    ] {
        assert!(line.contains(label), "{label} in {line}");
    }
    assert!(!metrics.contains("s3cret") && !metrics.contains("/path"), "{metrics}");
}

#[tokio::test]
async fn pools_are_exported_by_the_names_of_the_convention() {
    let (io, _folder) = system().await;
    io.sql().query("select 1").fetch_one::<(i64,)>().await.unwrap();
    let metrics = io.telemetry().render_prometheus();
    for (metric, labels, value) in [
        ("db_client_connection_count", &[r#"state="idle""#, "(readers)"][..], "1"),
        ("db_client_connection_count", &[r#"state="used""#, "(readers)"][..], "0"),
        ("db_client_connection_max", &["(readers)"][..], "10"),
        ("db_client_connection_pending_requests", &["(readers)"][..], "0"),
        ("db_client_connection_timeouts_total", &["(readers)"][..], "0"),
        ("db_client_connection_use_time_seconds_count", &["(readers)"][..], "1"),
    ] {
        let is_it = |line: &&str| line.starts_with(metric) && labels.iter().all(|label| line.contains(label));
        let line = metrics.lines().find(is_it).unwrap_or_else(|| panic!("{metric}: {metrics}"));
        assert!(line.ends_with(&format!(" {value}")), "{line}");
    }
}
