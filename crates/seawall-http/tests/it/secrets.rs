use axum::Router;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use seawall_http::{HttpConfig, ResponseExt};

use crate::support::{RawServer, Then, client, client_of, closed_port, everything_shown_by, serve};

const SECRET: &str = "hunter2";

#[tokio::test]
async fn no_error_shows_a_secret_of_the_url() {
    let looping =
        serve(Router::new().route(
            "/path",
            get(async || (StatusCode::FOUND, [("location", format!("/path?token={SECRET}"))])),
        ))
        .await;
    let broken = RawServer::start(&[Then::Close("")]).await.url();
    let truncated =
        RawServer::start(&[Then::Close("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")]).await.url();
    let refusing = format!("http://{}", closed_port().await);
    let http = client();
    for server in [looping, broken, truncated, refusing] {
        let authority = server.strip_prefix("http://").unwrap();
        let url = format!("http://user:{SECRET}@{authority}/path?token={SECRET}#{SECRET}");
        let read = async { http.post(&url).send().await?.into_body().collect(100).await };
        let shown = match http.get(&url).bearer(SECRET).send().await {
            Err(error) => everything_shown_by(&error),
            Ok(_) => everything_shown_by(&read.await.unwrap_err()),
        };
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(shown.contains(&format!("{server}/path")), "{shown}");
    }
    let too_plain = client_of(&HttpConfig { https_only: true, ..HttpConfig::default() });
    let error =
        too_plain.get(format!("http://user:{SECRET}@localhost/?token={SECRET}")).send().await.unwrap_err();
    assert!(!everything_shown_by(&error).contains(SECRET), "{error}");
}

#[tokio::test]
async fn a_request_and_its_body_show_no_secret_either() {
    let request = client()
        .post(format!("http://user:{SECRET}@localhost/path?token={SECRET}"))
        .bearer(SECRET)
        .header("x-key", SECRET)
        .body(SECRET);
    let shown = format!("{request:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(shown.contains("POST http://localhost/path"), "{shown}");

    let bearer = client().get("http://localhost/").bearer(SECRET).body(SECRET).build().unwrap();
    let shown = format!("{bearer:?}");
    assert!(!shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn a_url_that_does_not_parse_is_not_shown() {
    let error = client().get(format!("http://user:{SECRET}@:bad port/")).send().await.unwrap_err();
    assert!(!everything_shown_by(&error).contains(SECRET), "{error}");
}

#[tokio::test]
async fn credentials_in_the_url_become_a_header_and_leave_the_url() {
    let said = Router::new()
        .route("/", get(async |headers: HeaderMap| headers["authorization"].to_str().unwrap().to_owned()));
    let url = serve(said).await.replace("http://", "http://us%3Aer:p%40ss@");
    let http = client();

    let request = http.get(&url).build().unwrap();
    assert!(!request.uri().to_string().contains('@'));
    assert!(request.headers()["authorization"].is_sensitive());

    // The same for a request of the caller's own making: `us:er:p@ss` in base64.
    let request = http::Request::get(&url).body(seawall_http::Body::empty()).unwrap();
    let response = http.call(request).await.unwrap().error_for_status().unwrap();
    assert_eq!(response.into_body().text(100).await.unwrap(), "Basic dXM6ZXI6cEBzcw==");

    let response = http.get(&url).bearer("mine").send().await.unwrap();
    assert_eq!(response.into_body().text(100).await.unwrap(), "Bearer mine");
}
