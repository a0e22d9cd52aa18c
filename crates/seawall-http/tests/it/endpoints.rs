//! Several real servers for one logical service: slow ones, dead ones, failing ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::{any, get};
use http::StatusCode;
use seawall_core::{FailureKind, HedgeConfig};
use seawall_http::{Endpoints, EndpointsConfig, HealthConfig, Http, HttpConfig};
use tokio::sync::Semaphore;

use crate::support::{client, client_of, closed_port, serve};

/// A server that counts its calls, and answers with their path and query.
struct Server {
    url: String,
    calls: Arc<AtomicUsize>,
    probes: Arc<AtomicUsize>,
    is_well: Arc<AtomicBool>,
}

impl Server {
    async fn start(
        answer: impl Fn(String) -> Option<(StatusCode, String)> + Clone + Send + Sync + 'static,
    ) -> Self {
        let (calls, probes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let is_well = Arc::new(AtomicBool::new(true));
        let (count, asked, well) = (Arc::clone(&calls), Arc::clone(&probes), Arc::clone(&is_well));
        let health = async move || {
            asked.fetch_add(1, Ordering::SeqCst);
            if well.load(Ordering::SeqCst) { StatusCode::NO_CONTENT } else { StatusCode::IM_A_TEAPOT }
        };
        let handler = async move |request: Request| {
            count.fetch_add(1, Ordering::SeqCst);
            let path = request.uri().path_and_query().unwrap().to_string();
            match answer(path) {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        };
        let url = serve(Router::new().route("/health", get(health)).fallback(any(handler))).await;
        Self { url, calls, probes, is_well }
    }

    async fn good() -> Self {
        Self::start(|path| Some((StatusCode::OK, path))).await
    }

    async fn failing() -> Self {
        Self::start(|path| Some((StatusCode::INTERNAL_SERVER_ERROR, path))).await
    }

    /// It takes requests and never answers.
    async fn hanging() -> Self {
        Self::start(|_| None).await
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn probes(&self) -> usize {
        self.probes.load(Ordering::SeqCst)
    }
}

async fn text(endpoints: &Endpoints, path: &str) -> String {
    let response = endpoints.get(path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().text(1024).await.unwrap()
}

#[tokio::test]
async fn calls_are_spread_over_the_endpoints_below_their_base_addresses() {
    let (one, two) = (Server::good().await, Server::good().await);
    let users = client().endpoints("users", [one.url.clone(), format!("{}/v2/", two.url)]).unwrap();
    for _ in 0..50 {
        let path = text(&users, "/users/7?page=2").await;
        assert!(["/users/7?page=2", "/v2/users/7?page=2"].contains(&&*path), "{path}");
    }
    assert_eq!(one.calls() + two.calls(), 50);
    // The faster may get most of them, but nobody knows before each was asked.
    assert!(one.calls() > 0 && two.calls() > 0, "{} and {}", one.calls(), two.calls());
    let endpoints: Vec<_> = users.status().into_iter().map(|status| status.endpoint).collect();
    assert_eq!(endpoints, [one.url, format!("{}/v2", two.url)]);
}

#[tokio::test]
async fn what_takes_a_client_takes_the_service() {
    let server = Server::good().await;
    let users = client().endpoints("users", [&server.url]).unwrap();
    let response = users.client().get("http://users/a").send().await.unwrap();
    assert_eq!(response.into_body().text(100).await.unwrap(), "/a");
    assert_eq!(text(&users, "no/slash").await, "/no/slash");
}

#[tokio::test]
async fn a_failing_and_a_dead_endpoint_are_left_alone_and_no_call_fails() {
    let (good, failing) = (Server::good().await, Server::failing().await);
    let (also_good, dead) = (Server::good().await, format!("http://{}", closed_port().await));
    let http = client();
    let urls = [&good.url, &failing.url, &also_good.url, &dead];
    let users = http.endpoints("users", urls).unwrap();
    for _ in 0..200 {
        text(&users, "/").await;
    }
    // Found out in a few calls: neither passes for a fast one.
    assert!(failing.calls() < 20, "{}", failing.calls());
    assert!(good.calls() + also_good.calls() >= 200);
}

#[tokio::test]
async fn a_call_that_one_endpoint_refuses_is_made_at_another() {
    let (open, other) = (Server::good().await, Server::good().await);
    let http = client();
    let users = http.endpoints("users", [&open.url, &other.url]).unwrap();
    http.breaker(&open.url).unwrap().force_open();
    for _ in 0..20 {
        // Posts too: nothing was sent.
        assert_eq!(users.post("/").send().await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!((open.calls(), other.calls()), (0, 20));

    http.breaker(&other.url).unwrap().force_open();
    let error = users.get("/").send().await.unwrap_err();
    assert_eq!((error.kind(), error.layer(), error.attempts()), (FailureKind::Refused, "circuit_breaker", 1));
    assert_eq!((open.calls(), other.calls()), (0, 20));
}

#[tokio::test]
async fn a_slow_endpoint_is_hedged_at_another() {
    let (good, hanging) = (Server::good().await, Server::hanging().await);
    let mut config = HttpConfig::default();
    let delay = Some(Duration::from_millis(100));
    config.pipeline.hedge = Some(HedgeConfig { fixed_delay: delay, ..HedgeConfig::default() });
    // On a machine that stands still for a while, good ones are hedged too.
    config.pipeline.retry_budget.reserve = 100.0;
    (config.pipeline.attempt_timeout, config.pipeline.deadline) = (None, None);
    let users = client_of(&config).endpoints("users", [&good.url, &hanging.url]).unwrap();
    for _ in 0..10 {
        text(&users, "/").await;
    }
    // Each was asked while nothing was known of it.
    assert!(hanging.calls() > 0 && good.calls() >= 10);
}

#[tokio::test]
async fn endpoints_come_and_go_while_calls_are_under_way() {
    let (one, two) = (Server::good().await, Server::good().await);
    let users = client().endpoints("users", [&one.url]).unwrap();
    text(&users, "/").await;
    users.add(&two.url).unwrap();
    assert!(users.remove(format!("{}/", one.url)).unwrap(), "a slash more is the same address");
    assert!(!users.remove(&one.url).unwrap());
    for _ in 0..10 {
        text(&users, "/").await;
    }
    assert_eq!((one.calls(), two.calls()), (1, 10));

    users.replace([&one.url]).unwrap();
    text(&users, "/").await;
    assert_eq!((one.calls(), two.calls()), (2, 10));
    users.replace(["not a url"]).unwrap_err();
    assert_eq!(users.status().len(), 1, "nothing has changed");

    users.remove(&one.url).unwrap();
    let error = users.get("/").send().await.unwrap_err();
    assert_eq!((error.kind(), error.layer()), (FailureKind::Refused, "balance"));
}

fn probing() -> EndpointsConfig {
    let interval = Duration::from_millis(20);
    EndpointsConfig {
        // On a machine that stands still for a while, no probe fails.
        health: Some(HealthConfig { interval, timeout: Duration::from_hours(1), ..HealthConfig::default() }),
        ..EndpointsConfig::default()
    }
}

fn ejected(users: &Endpoints) -> Vec<bool> {
    users.status().iter().map(|status| status.ejected).collect()
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_endpoint_whose_probes_fail_is_taken_out_and_back() {
    let (one, two) = (Server::good().await, Server::good().await);
    two.is_well.store(false, Ordering::SeqCst);
    let users = Endpoints::new(&client(), "users", [&one.url, &two.url], &probing()).unwrap();
    until(|| ejected(&users) == [false, true]).await;
    for _ in 0..20 {
        text(&users, "/").await;
    }
    assert_eq!((one.calls(), two.calls()), (20, 0));

    two.is_well.store(true, Ordering::SeqCst);
    until(|| ejected(&users) == [false, false]).await;
    one.is_well.store(false, Ordering::SeqCst);
    until(|| ejected(&users) == [true, false]).await;
    text(&users, "/").await;
    assert_eq!(two.calls(), 1);

    // None is well: all are used, for want of better ones.
    two.is_well.store(false, Ordering::SeqCst);
    until(|| ejected(&users) == [true, true]).await;
    text(&users, "/").await;
}

#[tokio::test]
async fn a_probe_without_an_answer_in_time_has_failed() {
    let gate = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let health = async move || drop(waits.acquire().await.unwrap());
    let url = serve(Router::new().route("/health", get(health))).await;
    let good = Server::good().await;
    let mut config = probing();
    if let Some(health) = &mut config.health {
        health.timeout = Duration::from_millis(30);
    }
    let users = Endpoints::new(&client(), "users", [&url, &good.url], &config).unwrap();
    until(|| ejected(&users)[0]).await;
    gate.add_permits(1_000_000);
    until(|| !ejected(&users)[0]).await;
}

#[tokio::test]
async fn probes_stop_with_their_endpoint_and_with_the_last_handle() {
    let (one, two) = (Server::good().await, Server::good().await);
    let users = Endpoints::new(&client(), "users", [&one.url, &two.url], &probing()).unwrap();
    until(|| one.probes() > 2 && two.probes() > 2).await;
    users.remove(&one.url).unwrap();
    // One may be under way.
    let (before, other) = (one.probes(), two.probes());
    until(|| two.probes() > other + 5).await;
    assert!(one.probes() <= before + 1);

    let client = users.client().clone();
    drop(users);
    let before = two.probes();
    until(|| two.probes() > before + 5).await;
    drop(client);
    let before = two.probes();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(two.probes() <= before + 1);
}

#[tokio::test]
async fn what_cannot_be_a_service_is_refused_with_the_reason() {
    let http = client();
    let refused = |result: Result<Endpoints, seawall_core::Error>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        error.to_string()
    };
    let one = ["http://127.0.0.1:1"];
    for name in ["", "a/b", "a:80", "Users", "me@host", "a b"] {
        let told = refused(http.endpoints(name, one));
        assert!(told.contains("must be one that a host could have"), "{told}");
    }
    assert!(refused(http.endpoints("users", ["10.0.0.1:80"])).contains("the url"));
    let custom = Http::from_service(http.clone());
    assert!(refused(custom.endpoints("users", one)).contains("made of another service"));
    let mut config = probing();
    config.balance.latency_decay = Duration::ZERO;
    let told = refused(Endpoints::new(&http, "users", one, &config));
    assert!(
        told.contains("balance.latency_decay is 0ns: must be above zero")
            || told.contains("balance.latency_decay is 0s"),
        "{told}"
    );
    let path = HealthConfig { path: "health".into(), ..HealthConfig::default() };
    let config = EndpointsConfig { health: Some(path), ..EndpointsConfig::default() };
    assert!(refused(Endpoints::new(&http, "users", one, &config)).contains("health.path is \"health\""));
}

#[test]
fn the_defaults_are_those_of_the_tables() {
    let health = HealthConfig::default();
    assert_eq!(
        serde_json::to_string(&health).unwrap(),
        r#"{"path":"/health","interval":"10s","timeout":"2s","unhealthy_threshold":3,"healthy_threshold":2}"#
    );
    let config = EndpointsConfig::default();
    assert_eq!((config.balance, config.health), (seawall_tower::BalanceConfig::default(), None));
    let read: EndpointsConfig = serde_json::from_str(r#"{"health": {"path": "/livez"}}"#).unwrap();
    assert_eq!(read.health.unwrap().path, "/livez");
}
