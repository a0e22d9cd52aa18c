use axum::Router;
use axum::body::Body as AxumBody;
use axum::extract::Request;
use axum::routing::any;
use http::{Method, StatusCode};
use seawall_core::FailureKind;
use seawall_http::{Body, ResponseExt, StatusError};

use crate::support::{client, serve};

/// Answers with the head of the request as it arrived, header names sorted, and then its body.
async fn mirror() -> String {
    serve(Router::new().fallback(any(async |request: Request| {
        let (parts, body) = request.into_parts();
        let mut headers: Vec<String> = parts
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        let body = axum::body::to_bytes(body, 4096).await.unwrap();
        let said = String::from_utf8(body.into()).unwrap();
        AxumBody::from(format!("{} {}\n{}\n\n{said}", parts.method, parts.uri, headers.join("\n")))
    })))
    .await
}

async fn said(request: seawall_http::RequestBuilder) -> String {
    request.send().await.unwrap().into_body().text(4096).await.unwrap()
}

#[tokio::test]
async fn a_request_arrives_as_it_was_built() {
    let url = mirror().await;
    let said = said(
        client()
            .post(format!("{url}/items?first=1#fragment"))
            .query([("page", "2"), ("name", "a&b c")])
            .header("x-trace", "one")
            .header("x-trace", "two")
            .bearer("token")
            .json(&[1, 2, 3]),
    )
    .await;
    assert!(said.starts_with("POST /items?first=1&page=2&name=a%26b+c\n"), "{said}");
    for header in
        ["x-trace: one", "x-trace: two", "authorization: Bearer token", "content-type: application/json"]
    {
        assert!(said.contains(&format!("{header}\n")), "{header} in {said}");
    }
    assert!(said.contains("content-length: 7\n"), "{said}");
    assert!(said.ends_with("\n\n[1,2,3]"), "{said}");
}

#[tokio::test]
async fn every_method_has_its_door() {
    let url = mirror().await;
    let http = client();
    for (request, method) in [
        (http.get(&url), "GET"),
        (http.post(&url), "POST"),
        (http.put(&url), "PUT"),
        (http.patch(&url), "PATCH"),
        (http.delete(&url), "DELETE"),
        (http.request(Method::OPTIONS, &url), "OPTIONS"),
    ] {
        let said = said(request).await;
        assert!(said.starts_with(&format!("{method} /\n")), "{said}");
    }
    let response = http.head(&url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.into_body().collect(0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_content_type_that_is_set_is_kept_and_an_empty_query_leaves_no_trace() {
    let url = mirror().await;
    let none: [(&str, &str); 0] = [];
    let said =
        said(client().post(&url).header("content-type", "application/x-ndjson").query(none).json("x")).await;
    assert!(said.starts_with("POST /\n"), "{said}");
    assert!(said.contains("content-type: application/x-ndjson\n"), "{said}");
    assert!(!said.contains("application/json"), "{said}");
}

#[tokio::test]
async fn a_stream_is_sent_in_chunks_and_a_sized_body_with_its_length() {
    let url = mirror().await;
    let chunks = ["hel", "lo"].map(|chunk| Ok::<_, std::io::Error>(bytes::Bytes::from(chunk)));
    let said_of_stream =
        said(client().put(&url).body(Body::from_stream(futures_util::stream::iter(chunks)))).await;
    assert!(said_of_stream.contains("transfer-encoding: chunked\n"), "{said_of_stream}");
    assert!(said_of_stream.ends_with("\n\nhello"), "{said_of_stream}");

    let sized = Body::new(http_body_util::Full::new(bytes::Bytes::from_static(b"hello")));
    let said_of_sized = said(client().put(&url).body(sized)).await;
    assert!(said_of_sized.contains("content-length: 5\n"), "{said_of_sized}");
    assert!(said_of_sized.ends_with("\n\nhello"), "{said_of_sized}");
}

#[tokio::test]
async fn the_first_mistake_is_reported_and_nothing_is_sent() {
    let http = client();
    for (request, message) in [
        (http.get("/relative"), "http `GET`: the url is not an absolute one: relative URL without a base"),
        (
            http.get("ftp://example.com/file"),
            "http `GET ftp://example.com/file`: the url's scheme is neither http nor https",
        ),
        (
            http.get("https://example.com/").header("bad name", "x").bearer("also\nbad"),
            "http `GET https://example.com/`: a header's name is invalid: invalid HTTP header name",
        ),
        (
            http.get("https://example.com/").header("x-good", "bad\nvalue"),
            "http `GET https://example.com/`: the value of header `x-good` is invalid: \
             failed to parse header value",
        ),
    ] {
        let error = request.send().await.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(!error.may_have_executed());
    }
}

#[tokio::test]
async fn every_response_is_ok_and_error_for_status_makes_an_error_of_it() {
    let url = serve(
        Router::new()
            .route("/fine", any(async || "fine"))
            .route("/gone", any(async || StatusCode::GONE))
            .route("/busy", any(async || (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3")]))),
    )
    .await;
    let http = client();
    let response = http.get(format!("{url}/fine")).send().await.unwrap();
    assert!(response.error_for_status().is_ok());

    let response = http.get(format!("{url}/gone?token=1")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::GONE);
    let error = response.error_for_status().unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert_eq!(
        error.to_string(),
        format!("http `GET {url}/gone`: the server answered with an error: status 410 Gone")
    );
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<StatusError>());
    assert_eq!(cause.unwrap().status(), StatusCode::GONE);

    // A POST, so that it is not tried again.
    let response = http.post(format!("{url}/busy")).send().await.unwrap();
    let error = response.error_for_status().unwrap_err();
    let retry_after = Some(std::time::Duration::from_secs(3));
    assert_eq!(error.kind(), FailureKind::Overloaded { retry_after });
    assert_eq!(error.retry_after(), retry_after);
}
