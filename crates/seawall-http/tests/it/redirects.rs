use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::routing::{any, get};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, StatusCode};
use seawall_core::FailureKind;
use seawall_http::{Body, Credentials, HttpConfig, ResponseExt};

use crate::support::{client, client_of, serve};

/// Tells what it was sent: the method, the headers that prove something, and the body.
async fn echo() -> String {
    serve(Router::new().fallback(async |request: Request| {
        let (parts, body) = request.into_parts();
        let shown =
            |name: &str| parts.headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
        let body = axum::body::to_bytes(body, 1024).await.unwrap();
        format!(
            "{} {} auth={} key={} cookie={} type={} plain={} body={}",
            parts.method,
            parts.uri,
            shown("authorization"),
            shown("x-api-key"),
            shown("cookie"),
            shown("content-type"),
            shown("x-plain"),
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }))
    .await
}

/// Redirects everything to `target`, with this status.
async fn redirecting(status: u16, target: String) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    serve(Router::new().fallback(async move || (status, [("location", target.clone())]))).await
}

#[tokio::test]
async fn a_redirect_to_another_origin_gets_no_credentials() {
    let target = echo().await;
    let url = redirecting(302, format!("{target}/there?q=1")).await;
    let response = client()
        .get(&url)
        .bearer("token")
        .api_key("x-api-key", "key")
        .header("cookie", "session=1")
        .header("x-plain", "kept")
        .send()
        .await
        .unwrap();
    assert_eq!(response.redirected_to().unwrap().to_string(), format!("{target}/there?q=1"));
    let said = response.into_body().text(1024).await.unwrap();
    assert_eq!(said, "GET /there?q=1 auth=- key=- cookie=- type=- plain=kept body=");
}

#[tokio::test]
async fn a_redirect_to_another_origin_gets_none_of_the_client_either() {
    let target = echo().await;
    let url = redirecting(307, target.clone()).await;
    let mut config = HttpConfig::default();
    config.credentials.by_origin.insert("*".to_owned(), Credentials::Bearer("of the client".into()));
    let key = Credentials::ApiKey { header: "x-api-key".to_owned(), key: "of the origin".into() };
    config.credentials.by_origin.insert(target.clone(), key);
    let http = client_of(&config);
    assert!(http.get(&target).fetch_text().await.unwrap().contains("auth=- key=of the origin "));
    assert!(http.get(&url).fetch_text().await.unwrap().contains("auth=- key=- "));
}

#[tokio::test]
async fn credentials_that_were_lost_do_not_come_back_with_the_first_origin() {
    let home = Arc::new(std::sync::OnceLock::<String>::new());
    let back = Arc::clone(&home);
    let away =
        serve(Router::new().fallback(async move || {
            (StatusCode::FOUND, [("location", format!("{}/end", back.get().unwrap()))])
        }))
        .await;
    let url = serve(
        Router::new()
            .route("/start", get(async move || (StatusCode::FOUND, [("location", away.clone())])))
            .route("/end", get(async |headers: HeaderMap| headers.contains_key("authorization").to_string())),
    )
    .await;
    home.set(url.clone()).unwrap();
    let mut config = HttpConfig::default();
    config.credentials.by_origin.insert(url.clone(), Credentials::Bearer("token".into()));
    let http = client_of(&config);
    assert_eq!(http.get(format!("{url}/end")).fetch_text().await.unwrap(), "true");
    assert_eq!(http.get(format!("{url}/start")).fetch_text().await.unwrap(), "false");
    assert_eq!(http.get(format!("{url}/start")).bearer("mine").fetch_text().await.unwrap(), "false");
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_credentials() {
    let url =
        serve(Router::new().route("/from", get(async || (StatusCode::FOUND, [("location", "to")]))).route(
            "/to",
            get(async |headers: HeaderMap| headers["authorization"].to_str().unwrap().to_owned()),
        ))
        .await;
    let said = client().get(format!("{url}/from")).bearer("token").fetch_text().await.unwrap();
    assert_eq!(said, "Bearer token");
    let mut config = HttpConfig::default();
    config.credentials.by_origin.insert(url.clone(), Credentials::Bearer("of the client".into()));
    assert_eq!(
        client_of(&config).get(format!("{url}/from")).fetch_text().await.unwrap(),
        "Bearer of the client"
    );
}

#[tokio::test]
async fn a_redirect_keeps_or_changes_the_method_as_browsers_do() {
    let target = echo().await;
    for (status, method, after, keeps_body) in [
        (301, "POST", "GET", false),
        (302, "POST", "GET", false),
        (303, "POST", "GET", false),
        (303, "PUT", "GET", false),
        (303, "HEAD", "HEAD", false),
        (302, "PUT", "PUT", true),
        (307, "POST", "POST", true),
        (308, "POST", "POST", true),
    ] {
        let url = redirecting(status, target.clone()).await;
        let method: Method = method.parse().unwrap();
        let request =
            client().request(method.clone(), &url).header("content-type", "text/plain").body("hello");
        let said = request.fetch_text().await.unwrap();
        let expected = match (after, keeps_body) {
            ("HEAD", _) => String::new(),
            (_, true) => format!("{after} / auth=- key=- cookie=- type=text/plain plain=- body=hello"),
            (_, false) => format!("{after} / auth=- key=- cookie=- type=- plain=- body="),
        };
        assert_eq!(said, expected, "{status} of {method}");
    }
}

#[tokio::test]
async fn a_stream_is_not_sent_twice_for_a_redirect_and_the_error_says_so() {
    let target = echo().await;
    let url = redirecting(307, target).await;
    let chunks = || stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"hello"))]);
    let error = client().put(&url).body(Body::from_stream(chunks())).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.to_string().contains("its body can be sent only once"), "{error}");
    let said = client().put(&url).body(Body::from_fn(chunks)).fetch_text().await.unwrap();
    assert!(said.ends_with("body=hello"), "{said}");
}

#[tokio::test]
async fn each_hop_is_retried_at_its_own_authority() {
    let (starts, ends) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&ends);
    let target =
        serve(Router::new().fallback(any(async move || match counter.fetch_add(1, Ordering::SeqCst) {
            0 => StatusCode::BAD_GATEWAY,
            _ => StatusCode::OK,
        })))
        .await;
    let counter = Arc::clone(&starts);
    let to = target.clone();
    let url = serve(Router::new().fallback(any(async move || {
        counter.fetch_add(1, Ordering::SeqCst);
        (StatusCode::FOUND, [("location", to.clone())])
    })))
    .await;
    let http = client();
    assert_eq!(http.get(&url).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!((starts.load(Ordering::SeqCst), ends.load(Ordering::SeqCst)), (1, 2));
    let targets: Vec<_> = http.targets().into_iter().map(|status| status.target).collect();
    let mut expected = [url, target];
    expected.sort();
    assert_eq!(targets, expected);
}

#[tokio::test]
async fn a_redirect_to_nowhere_says_so_and_shows_no_secret() {
    for location in ["http://[secret", "ftp://host/secret", "http://"] {
        let url = redirecting(302, location.to_owned()).await;
        let error = client().get(&url).send().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{location}");
        assert!(!error.to_string().contains("[secret"), "{error}");
    }
}

#[tokio::test]
async fn the_time_of_a_call_is_for_all_of_its_redirects() {
    let url = redirecting(302, "/again".to_owned()).await;
    let mut config = HttpConfig { max_redirects: usize::MAX, ..HttpConfig::default() };
    config.pipeline.deadline = Some(std::time::Duration::from_millis(300));
    config.pipeline.attempt_timeout = None;
    let error = client_of(&config).get(&url).send().await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::Timeout | FailureKind::Refused), "{error}");
}
