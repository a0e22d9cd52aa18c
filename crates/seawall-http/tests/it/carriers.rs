//! What is sent, by the client of a configuration and by one of the user's own.

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get};
use bytes::Bytes;
use futures_util::stream;
use http::header::LOCATION;
use http::{HeaderMap, Request, StatusCode, Uri};
use seawall_core::FailureKind;
use seawall_http::{Body, Http, HttpConfig, ResponseExt};

use crate::support::{client, client_of, closed_port, everything_shown_by, serve};

/// Says what it was asked, one line for each header.
async fn mirror() -> String {
    serve(Router::new().fallback(any(async |uri: Uri, headers: HeaderMap| {
        let mut lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        format!("{uri}\n{}", lines.join("\n"))
    })))
    .await
}

fn of_the_users(client: reqwest::Client) -> Http {
    Http::from_reqwest(client, &HttpConfig::default(), Arc::new(())).unwrap()
}

#[tokio::test]
async fn a_request_says_what_is_accepted_who_asks_and_whom_and_nothing_else() {
    let url = mirror().await;
    let host = url.strip_prefix("http://").unwrap();
    let http = client_of(&HttpConfig { deadline_header: None, ..HttpConfig::default() });
    let said = http.get(&url).fetch_text().await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        said,
        format!(
            "/\naccept-encoding: zstd,gzip,deflate,br\naccept: */*\nhost: {host}\nuser-agent: seawall/{version}"
        )
    );
    let own = http
        .get(&url)
        .header("accept", "text/plain")
        .header("accept-encoding", "br")
        .header("user-agent", "me");
    let said = own.fetch_text().await.unwrap();
    assert_eq!(said, format!("/\naccept-encoding: br\naccept: text/plain\nhost: {host}\nuser-agent: me"));
}

#[tokio::test]
async fn a_url_is_sent_as_the_web_spells_it_however_the_request_was_made() {
    let url = mirror().await.replace("127.0.0.1", "LOCALHOST");
    for (path, sent) in [("/a/../b?q='", "/b?q=%27"), ("/a/%2e%2E/c", "/c"), ("/plain?q=1", "/plain?q=1")] {
        let request = Request::get(format!("{url}{path}")).body(Body::empty()).unwrap();
        let said = client().call(request).await.unwrap().into_body().text(1000).await.unwrap();
        assert_eq!(said.lines().next(), Some(sent));
        assert!(said.contains("host: localhost:"), "{said}");
    }
}

#[tokio::test]
async fn only_https_is_called_if_told_so() {
    let http = client_of(&HttpConfig { https_only: true, ..HttpConfig::default() });
    let error = http.get(mirror().await).send().await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Permanent, false), "{error}");
    assert!(error.to_string().contains("the url's scheme is not https, and https_only is on"), "{error}");
}

#[tokio::test]
async fn a_client_of_the_users_own_sends_streams_and_may_follow_redirects_itself() {
    let url = serve(
        Router::new()
            .route("/", get(async || (StatusCode::FOUND, [(LOCATION, "/elsewhere")])))
            .route("/elsewhere", get(async || "there").put(async |body: String| body)),
    )
    .await;
    let http = of_the_users(reqwest::Client::new());
    assert!(http.reqwest().is_some());
    assert!(client().reqwest().is_none());
    let answer = http.get(&url).collect().await.unwrap();
    assert_eq!(answer.redirected_to().unwrap().path(), "/elsewhere");
    assert_eq!(answer.into_body().text(100).await.unwrap(), "there");
    let chunks = stream::iter(["by ", "parts"].map(|chunk| Ok::<_, std::io::Error>(Bytes::from(chunk))));
    let put = http.put(format!("{url}/elsewhere")).body(Body::from_stream(chunks));
    assert_eq!(put.fetch_text().await.unwrap(), "by parts");
}

#[tokio::test]
async fn its_errors_mean_the_same_and_show_no_secret_of_the_url() {
    let url = format!("http://{}/?token=hunter2", closed_port().await);
    let of_both = [client(), of_the_users(reqwest::Client::new())].map(|http| http.post(&url).send());
    for error in futures_util::future::join_all(of_both).await.into_iter().map(Result::unwrap_err) {
        assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Transient, false), "{error}");
        assert!(error.to_string().contains("could not connect"), "{error}");
        assert!(!everything_shown_by(&error).contains("hunter2"), "{error}");
    }
}
