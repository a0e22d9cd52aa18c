//! `seawall http` against a real server.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use seawall_testkit::tls::Authority;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::binary::{fail_with, seawall, succeed};
use crate::server::listen;

/// A server that fails so many requests with a status first, and then says what it was asked.
struct Asked {
    url: String,
    count: Arc<AtomicU32>,
    last: Arc<Mutex<String>>,
}

async fn failing_first(failures: u32, status: StatusCode) -> Asked {
    let (count, last) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(String::new())));
    let shared = (Arc::clone(&count), Arc::clone(&last));
    let app = Router::new().fallback(async move |request: Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
        let headers =
            parts.headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
        let text: String = headers.collect();
        let body = String::from_utf8_lossy(&body);
        *shared.1.lock().unwrap() = format!("{} {}\n{text}\n{body}", parts.method, parts.uri);
        if shared.0.fetch_add(1, SeqCst) < failures {
            (status, Bytes::from("not now")).into_response()
        } else {
            (StatusCode::OK, [("x-answer", "42")], Bytes::from("here you are")).into_response()
        }
    });
    Asked { url: format!("http://{}", listen(app).await), count, last }
}

fn http(arguments: &[&str]) -> Command {
    let mut command = seawall();
    command.arg("http").args(arguments);
    command
}

/// What it prints to standard output.
fn printed(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_arrives_as_it_was_told_and_its_answer_is_printed() {
    let server = failing_first(0, StatusCode::OK).await;
    let url = format!("{}/items?a=1", server.url);
    let mut command =
        http(&["put", &url, "-q", "b=2 3", "-H", "X-Mine: yes", "--json-body", r#"{"name": "ann"}"#]);
    command.args(["--bearer-env", "TOKEN_OF_THE_TEST"]).env("TOKEN_OF_THE_TEST", "s3cret");
    assert_eq!(printed(command), "here you are");
    let said = server.last.lock().unwrap().clone();
    assert!(said.starts_with("PUT /items?a=1&b=2+3\n"), "{said}");
    for part in [
        "x-mine: yes\n",
        "authorization: Bearer s3cret\n",
        "content-type: application/json\n",
        "\n{\"name\":\"ann\"}",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let head = printed(http(&["GET", &url, "--include"]));
    assert!(head.starts_with("HTTP/1.1 200 OK\n") && head.contains("x-answer: 42\n"), "{head}");
    let report = succeed(http(&["GET", &url, "--json"]));
    assert_eq!((&report["status"], &report["body"]), (&200.into(), &"here you are".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_idempotent_is_made_again_and_nothing_else() {
    let unavailable = StatusCode::INTERNAL_SERVER_ERROR;
    let server = failing_first(2, unavailable).await;
    assert_eq!(printed(http(&["GET", &server.url])), "here you are");
    assert_eq!(server.count.load(SeqCst), 3);

    let server = failing_first(2, unavailable).await;
    let said = fail_with(1, http(&["POST", &server.url, "--data", "once"]));
    assert!(said.contains("not now") && said.contains("the server answered 500"), "{said}");
    assert_eq!(server.count.load(SeqCst), 1);

    let server = failing_first(2, unavailable).await;
    let keyed = http(&["POST", &server.url, "--data", "again", "-H", "Idempotency-Key: 3f1b8e"]);
    assert_eq!(printed(keyed), "here you are");
    assert_eq!(server.count.load(SeqCst), 3);
    assert!(server.last.lock().unwrap().ends_with("\n\nagain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_replaced_by_a_whole_good_answer_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answer");
    std::fs::write(&file, "as it was").unwrap();
    let server = failing_first(1, StatusCode::NOT_FOUND).await;
    let output = |url: &str| http(&["GET", url, "--output", file.to_str().unwrap()]);
    let said = fail_with(1, output(&server.url));
    assert!(said.contains("not now") && said.contains("404"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "as it was");
    assert_eq!(printed(output(&server.url)), "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "here you are");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn wrong_usage_is_told_before_anything_is_sent() {
    for (arguments, problem) in [
        (["A B", "http://127.0.0.1:9/", "-v"].as_slice(), "METHOD"),
        (&["GET", "http://127.0.0.1:9/", "--bearer-env", "NO_SUCH_VARIABLE"], "$NO_SUCH_VARIABLE"),
        (&["POST", "http://127.0.0.1:9/", "--json-body", "{"], "--json-body is no JSON"),
        (&["POST", "http://127.0.0.1:9/", "--data", "a", "--form", "b=c"], "cannot be used with"),
    ] {
        let said = fail_with(2, http(arguments));
        assert!(said.contains(problem), "{said}");
    }
    let said = fail_with(1, http(&["GET", "no-address?token=s3cret"]));
    assert!(said.contains("the url is not an absolute one") && !said.contains("s3cret"), "{said}");
}

/// A listener that shows a certificate which nobody has heard of.
async fn show_a_certificate() -> String {
    let identity = Authority::new().unwrap().issue(&["localhost"]).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor =
        TlsAcceptor::from(Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(acceptor.accept(connection));
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_without_certificates_speaks_http_and_is_told_what_https_takes() {
    let (plain, secured) = (failing_first(0, StatusCode::OK).await, show_a_certificate().await);
    let without_certificates = |url: &str| {
        let mut command = http(&["GET", url]);
        command.env("SSL_CERT_FILE", "/nowhere").env("SSL_CERT_DIR", "/nowhere");
        command
    };
    assert_eq!(printed(without_certificates(&plain.url)), "here you are");
    let said = fail_with(1, without_certificates(&secured));
    assert!(said.contains("ca-certificates") && said.contains("tls.extra_roots"), "{said}");
}
