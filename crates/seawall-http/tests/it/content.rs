//! What goes out and comes back: forms, multipart, compression, cookies.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method};
use seawall_core::FailureKind;
use seawall_http::multipart::{Form, Part};
use seawall_http::{Body, Http, HttpConfig};

use crate::support::{client, client_of, serve};

/// Says how it was sent what.
async fn echo() -> String {
    serve(Router::new().fallback(any(async |method: Method, headers: HeaderMap, body: String| {
        let header = |name: &str| headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
        format!("{method} {} {} {body}", header("content-type"), header("content-length"))
    })))
    .await
}

#[tokio::test]
async fn every_method_can_be_sent_but_connect() {
    let url = echo().await;
    let http = client();
    for (request, method) in [
        (http.get(&url), "GET"),
        (http.post(&url), "POST"),
        (http.put(&url), "PUT"),
        (http.delete(&url), "DELETE"),
        (http.patch(&url), "PATCH"),
        (http.options(&url), "OPTIONS"),
        (http.trace(&url), "TRACE"),
        (http.request("PROPFIND".parse().unwrap(), &url), "PROPFIND"),
    ] {
        assert!(request.fetch_text().await.unwrap().starts_with(method), "{method}");
    }
    assert_eq!(http.head(&url).fetch_text().await.unwrap(), "");
    let error = http.request(Method::CONNECT, &url).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.to_string().contains("set a proxy in the configuration instead"), "{error}");
}

#[tokio::test]
async fn a_form_is_escaped() {
    let url = echo().await;
    let said = client().post(&url).form(&[("a", "b c"), ("d", "&=é")]).fetch_text().await.unwrap();
    assert_eq!(said, "POST application/x-www-form-urlencoded 20 a=b+c&d=%26%3D%C3%A9");
    let error = client().post(&url).form(&[("a", vec![1])]).send().await.unwrap_err();
    assert!(error.to_string().contains("the body cannot be written as a form"), "{error}");
}

#[tokio::test]
async fn a_multipart_form_of_bytes_has_a_length_and_can_be_sent_again() {
    let form = || {
        let file = Part::new(&b"line 1\r\nline 2"[..]).file_name("a \"b\".txt").content_type("text/plain");
        Form::new().text("title", "h\u{e9}llo").part("file", file)
    };
    assert!(form().into_body().unwrap().is_replayable());
    let url = echo().await;
    let said = client().put(&url).multipart(form()).fetch_text().await.unwrap();
    let (head, body) = said.split_once("\r\n").unwrap();
    let head: Vec<_> = head.split(' ').collect();
    let boundary = head[2].strip_prefix("boundary=").unwrap();
    assert_eq!(head[1], "multipart/form-data;");
    let expected = format!(
        "Content-Disposition: form-data; name=\"title\"\r\n\r\nh\u{e9}llo\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a %22b%22.txt\"\r\ncontent-type: text/plain\r\n\r\n\
         line 1\r\nline 2\r\n--{boundary}--\r\n"
    );
    assert_eq!(body, expected);
    assert_eq!(head[3].parse::<usize>().unwrap(), expected.len() + boundary.len() + 4);
}

#[tokio::test]
async fn a_multipart_form_with_a_stream_is_sent_once_with_its_length_if_that_is_known() {
    let chunks = || stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"hello"))]);
    let url = echo().await;
    let sized = Form::new().part("file", Part::stream(chunks(), 5));
    let said = client().put(&url).multipart(sized).fetch_text().await.unwrap();
    assert!(said.contains("hello") && !said.contains(" - "), "{said}");
    let unsized_ = Form::new().part("file", Part::new(Body::from_stream(chunks())));
    let said = client().put(&url).multipart(unsized_).fetch_text().await.unwrap();
    assert!(said.contains("hello") && said.contains(" - "), "{said}");
    assert!(!Form::new().part("file", Part::stream(chunks(), 5)).into_body().unwrap().is_replayable());
    let again = Form::new().part("file", Part::new(Body::from_fn(chunks).with_length(5)));
    assert!(again.into_body().unwrap().is_replayable());
    let wrong = Form::new().part("file", Part::new("x").header("bad name", "x"));
    let error = client().put(&url).multipart(wrong).send().await.unwrap_err();
    assert!(error.to_string().contains("a part's header has an invalid name"), "{error}");
}

#[tokio::test]
async fn what_is_compressed_is_undone_unless_told_otherwise() {
    let url = serve(Router::new().route(
        "/",
        get(async |headers: HeaderMap| {
            let accepted = headers
                .get("accept-encoding")
                .map_or(String::new(), |value| value.to_str().unwrap().to_owned());
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(accepted.as_bytes()).unwrap();
            ([("content-encoding", "gzip")], gzip.finish().unwrap())
        }),
    ))
    .await;
    let accepted = client().get(&url).fetch_text().await.unwrap();
    for coding in ["gzip", "br", "zstd", "deflate"] {
        assert!(accepted.contains(coding), "{accepted}");
    }
    let plain = client_of(&HttpConfig { decompress: false, ..HttpConfig::default() });
    let response = plain.get(&url).collect().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.body().as_bytes().unwrap()[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn a_compressed_body_that_breaks_off_is_an_error() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&vec![b'x'; 10_000]).unwrap();
    let mut broken = gzip.finish().unwrap();
    broken.truncate(broken.len() / 2);
    let url =
        serve(Router::new().route("/", post(async move || ([("content-encoding", "gzip")], broken)))).await;
    assert!(client().post(&url).collect().await.is_err());
}

async fn cookie_server() -> String {
    serve(
        Router::new()
            .route("/set", get(async || [("set-cookie", "session=secret; Path=/; HttpOnly")]))
            .route(
                "/show",
                get(async |headers: HeaderMap| {
                    headers.get("cookie").map_or("none", |cookie| cookie.to_str().unwrap()).to_owned()
                }),
            ),
    )
    .await
}

#[tokio::test]
async fn cookies_are_kept_if_they_are_asked_for_and_sent_where_they_belong() {
    let url = cookie_server().await;
    let other = cookie_server().await.replace("127.0.0.1", "localhost");
    let http = client_of(&HttpConfig { cookies: true, ..HttpConfig::default() });
    http.get(format!("{url}/set")).send().await.unwrap();
    assert_eq!(http.get(format!("{url}/show")).fetch_text().await.unwrap(), "session=secret");
    assert_eq!(http.get(format!("{other}/show")).fetch_text().await.unwrap(), "none");
    let jar = http.cookies().unwrap();
    assert_eq!(jar.len(), 1);
    assert!(!format!("{jar:?}").contains("secret"));
    jar.clear();
    assert_eq!(http.get(format!("{url}/show")).fetch_text().await.unwrap(), "none");

    let without = client();
    assert!(without.cookies().is_none());
    without.get(format!("{url}/set")).send().await.unwrap();
    assert_eq!(without.get(format!("{url}/show")).fetch_text().await.unwrap(), "none");
}

#[tokio::test]
async fn a_jar_does_not_grow_without_end() {
    let http = client_of(&HttpConfig { cookies: true, ..HttpConfig::default() });
    let jar = http.cookies().unwrap();
    let url = "https://example.com/".parse().unwrap();
    for number in 0..60 {
        jar.set(&format!("n{number}=x"), &url);
    }
    assert_eq!(jar.len(), 50);
    assert!(jar.of(&url).unwrap().to_str().unwrap().contains("n59=x"), "the newest stays");
    jar.set(&format!("long={}", "x".repeat(5000)), &url);
    assert_eq!(jar.len(), 50);
    for host in 0..100 {
        let url = format!("https://h{host}.example/").parse().unwrap();
        for number in 0..50 {
            jar.set(&format!("n{number}=x"), &url);
        }
    }
    assert!(jar.len() <= 3000, "{}", jar.len());
}

#[tokio::test]
async fn the_clients_credentials_are_sent_to_their_origin_and_give_way_to_the_requests() {
    let url = serve(Router::new().route(
        "/",
        get(async |headers: HeaderMap, uri: http::Uri| {
            let header =
                |name: &str| headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
            format!("{} {} {}", header("authorization"), header("x-api-key"), uri.query().unwrap_or("-"))
        }),
    ))
    .await;
    let http = |credentials: &str| -> Http {
        let config = format!(r#"{{"credentials": {{"by_origin": {{"{url}": {credentials}}}}}}}"#);
        client_of(&serde_json::from_str(&config).unwrap())
    };
    let said = async |http: Http| http.get(&url).fetch_text().await.unwrap();
    assert_eq!(said(http(r#"{"bearer": "token"}"#)).await, "Bearer token - -");
    assert_eq!(
        said(http(r#"{"basic": {"user": "me", "password": "pass"}}"#)).await,
        "Basic bWU6cGFzcw== - -"
    );
    assert_eq!(said(http(r#"{"api_key": {"header": "x-api-key", "key": "k"}}"#)).await, "- k -");
    assert_eq!(said(http(r#"{"api_key_in_query": {"parameter": "key", "key": "k"}}"#)).await, "- - key=k");
    let own = http(r#"{"bearer": "token"}"#).get(&url).basic("me", "pass").fetch_text().await.unwrap();
    assert_eq!(own, "Basic bWU6cGFzcw== - -");
}

#[tokio::test]
async fn credentials_over_plain_http_to_another_machine_are_refused_with_what_to_set() {
    let http = client();
    // Nobody is asked, so the host need not be there.
    let url = "http://other-machine.example/";
    for request in [
        http.get(url).bearer("hunter2"),
        http.get(url).basic("me", "hunter2"),
        http.get(url).api_key("x-api-key", "hunter2"),
        http.get(url).api_key_in_query("key", "hunter2"),
        http.get("http://me:hunter2@other-machine.example/"),
    ] {
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Refused, "{error}");
        assert!(!error.may_have_executed());
        assert!(error.to_string().contains("set credentials.allow_plain_http"), "{error}");
        assert!(!crate::support::everything_shown_by(&error).contains("hunter2"));
    }
    let wrong = http.get("https://example.com/").basic("a:b", "hunter2").send().await.unwrap_err();
    assert!(wrong.to_string().contains("must have a user without a colon"), "{wrong}");
    let wrong = http.get("https://example.com/").bearer("hunter2\n").send().await.unwrap_err();
    assert!(!crate::support::everything_shown_by(&wrong).contains("hunter2"), "{wrong}");
}

#[test]
fn a_configuration_shows_and_writes_no_secret_and_does_not_read_one_back() {
    let config: HttpConfig = serde_json::from_str(
        r#"{"credentials": {"by_origin": {"*": {"bearer": "hunter2"}}},
            "proxy": {"url": "http://proxy:3128", "user": "me", "password": "hunter2"},
            "tls": {"identity": "-----BEGIN PRIVATE KEY----- hunter2"}}"#,
    )
    .unwrap();
    let written = serde_json::to_string(&config).unwrap();
    assert!(!written.contains("hunter2") && written.contains("[redacted]"), "{written}");
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    let error = serde_json::from_str::<HttpConfig>(&written).unwrap_err();
    assert!(error.to_string().contains("a secret was left out when this was written"), "{error}");
    let error = serde_json::from_str::<HttpConfig>(r#"{"proxy": {"url": "http://me:hunter2@proxy:3128"}}"#)
        .map(|config| Http::new(&config, Arc::new(())).unwrap_err())
        .unwrap();
    assert!(error.to_string().contains("proxy.url is a url with a user"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
