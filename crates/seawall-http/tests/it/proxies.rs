use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use seawall_core::FailureKind;
use seawall_http::{GuardsConfig, Http, HttpConfig, Pem, Proxy, ProxyConfig, TlsConfig};
use seawall_testkit::tls::Authority;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls;

use crate::support::{client_of, everything_shown_by, head_of, serve};
use crate::tls::serve_tls;

/// A proxy of HTTP that answers itself, and remembers what it was asked.
async fn http_proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let Some(head) = head_of(&mut connection).await else { continue };
            log.lock().unwrap().push(head);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nproxied";
            connection.write_all(answer).await.unwrap();
        }
    });
    (url, asked)
}

/// A proxy of HTTP that opens tunnels to `target`, whatever it is asked for, and remembers what that was. It wants `me` and
/// `hunter2`.
async fn tunnelling_proxy(target: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let Some(head) = head_of(&mut client).await else { continue };
            let head = head.to_ascii_lowercase();
            let knows_me = head.contains("proxy-authorization: basic bwu6ahvudgvymg==");
            log.lock().unwrap().push(head);
            if !knows_me {
                client.write_all(b"HTTP/1.1 407 Who Are You\r\n\r\n").await.unwrap();
                continue;
            }
            client.write_all(b"HTTP/1.1 200 Go On\r\n\r\n").await.unwrap();
            let mut server = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (url, asked)
}

/// A proxy of SOCKS5 (RFC 1928, RFC 1929) that wants `me` and `hunter2`, and connects everybody to `target`.
async fn socks_proxy(target: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let target = target.clone();
            tokio::spawn(async move {
                let mut greeting = [0; 2];
                client.read_exact(&mut greeting).await?;
                client.read_exact(&mut vec![0; greeting[1] as usize]).await?;
                client.write_all(&[5, 2]).await?;
                let mut login = [0; 12];
                client.read_exact(&mut login).await?;
                assert_eq!(&login, b"\x01\x02me\x07hunter2");
                client.write_all(&[1, 0]).await?;
                let mut head = [0; 5];
                client.read_exact(&mut head).await?;
                let rest = match head[3] {
                    1 => 3 + 2,
                    3 => head[4] as usize + 2,
                    _ => 15 + 2,
                };
                client.read_exact(&mut vec![0; rest]).await?;
                client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
                let mut server = TcpStream::connect(target).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    address.to_string()
}

fn through(proxy: ProxyConfig) -> Http {
    client_of(&HttpConfig { proxy: Proxy::Through(proxy), ..HttpConfig::default() })
}

#[tokio::test]
async fn requests_go_through_the_proxy_with_its_credentials() {
    let (url, asked) = http_proxy().await;
    let proxy =
        ProxyConfig { url, user: "me".to_owned(), password: "hunter2".into(), ..ProxyConfig::default() };
    let http = through(proxy);
    assert_eq!(http.get("http://somewhere.example/path").fetch_text().await.unwrap(), "proxied");
    let head = asked.lock().unwrap()[0].to_ascii_lowercase();
    assert!(head.starts_with("get http://somewhere.example/path http/1.1"), "{head}");
    assert!(head.contains("proxy-authorization: basic bwu6ahvudgvymg=="), "{head}");
}

#[tokio::test]
async fn hosts_that_need_no_proxy_are_called_directly() {
    let (proxy, asked) = http_proxy().await;
    let url = serve(Router::new().route("/", get(async || "direct"))).await;
    let no_proxy = vec!["example.com".to_owned(), "127.0.0.0/8".to_owned()];
    let http = through(ProxyConfig { url: proxy, no_proxy, ..ProxyConfig::default() });
    assert_eq!(http.get(&url).fetch_text().await.unwrap(), "direct");
    assert_eq!(http.get("http://example.org/").fetch_text().await.unwrap(), "proxied");
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn requests_go_through_a_socks_proxy_that_resolves_names() {
    let server = serve(Router::new().route("/", get(async || "by socks"))).await;
    let proxy = socks_proxy(server.strip_prefix("http://").unwrap().to_owned()).await;
    let proxy = ProxyConfig {
        url: format!("socks5h://{proxy}"),
        user: "me".to_owned(),
        password: "hunter2".into(),
        ..ProxyConfig::default()
    };
    assert_eq!(through(proxy).get("http://nowhere.invalid/").fetch_text().await.unwrap(), "by socks");
}

/// A server that speaks TLS as `localhost`, whoever it is, and the settings that trust it.
async fn tls_server() -> (String, TlsConfig) {
    let authority = Authority::new().unwrap();
    let url = serve_tls(&authority, None, rustls::ALL_VERSIONS).await;
    let tls = TlsConfig {
        extra_roots: vec![Pem::text(authority.pem())],
        only_extra_roots: true,
        ..TlsConfig::default()
    };
    (url.strip_prefix("https://").unwrap().to_owned(), tls)
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_the_certificate_is_the_servers() {
    let (server, tls) = tls_server().await;
    let (url, asked) = tunnelling_proxy(server).await;
    let proxy =
        ProxyConfig { url, user: "me".to_owned(), password: "hunter2".into(), ..ProxyConfig::default() };
    let config = HttpConfig { tls, proxy: Proxy::Through(proxy), ..HttpConfig::default() };
    let http = client_of(&config);
    assert_eq!(http.get("https://localhost/").bearer("token").fetch_text().await.unwrap(), "hello bearer");
    let head = asked.lock().unwrap()[0].clone();
    assert!(head.starts_with("connect localhost:443 http/1.1\r\n"), "{head}");
    assert!(head.contains("user-agent: seawall/") && !head.contains("bearer"), "{head}");

    let error = http.get("https://another.example/").send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert!(error.to_string().contains("could not agree on a secure connection"), "{error}");
}

#[tokio::test]
async fn a_tunnel_that_is_refused_was_no_call_and_shows_no_password() {
    let (server, tls) = tls_server().await;
    let (url, _) = tunnelling_proxy(server).await;
    let proxy =
        ProxyConfig { url, user: "me".to_owned(), password: "swordfish".into(), ..ProxyConfig::default() };
    let http = client_of(&HttpConfig { tls, proxy: Proxy::Through(proxy), ..HttpConfig::default() });
    let error = http.post("https://localhost/").send().await.unwrap_err();
    assert!(!error.may_have_executed(), "{error}");
    assert!(error.to_string().contains("proxy authorization required"), "{error}");
    let shown = everything_shown_by(&error) + &format!("{http:?}");
    assert!(!shown.contains("swordfish") && !shown.contains("bWU6c3dvcmRmaXNo"), "{shown}");
}

#[tokio::test]
async fn https_through_socks_is_checked_by_the_name_that_was_called_though_an_address_is_dialled() {
    let (server, tls) = tls_server().await;
    let proxy = socks_proxy(server).await;
    for scheme in ["socks5", "socks5h"] {
        let proxy = ProxyConfig {
            url: format!("{scheme}://{proxy}"),
            user: "me".to_owned(),
            password: "hunter2".into(),
            ..ProxyConfig::default()
        };
        let config = HttpConfig { tls: tls.clone(), proxy: Proxy::Through(proxy), ..HttpConfig::default() };
        assert_eq!(client_of(&config).get("https://localhost/").fetch_text().await.unwrap(), "hello");
        let wrong_name = client_of(&config).get("https://127.0.0.2/").send().await.unwrap_err();
        assert_eq!(wrong_name.kind(), FailureKind::Permanent, "{wrong_name}");
    }
}

#[tokio::test]
async fn the_list_of_hosts_holds_through_a_proxy() {
    let (url, asked) = http_proxy().await;
    let guards = GuardsConfig { allowed_hosts: vec!["example.com".to_owned()], ..GuardsConfig::default() };
    let proxy = Proxy::Through(ProxyConfig { url, ..ProxyConfig::default() });
    let http = client_of(&HttpConfig { guards, proxy, ..HttpConfig::default() });
    assert_eq!(http.get("http://example.com/").fetch_text().await.unwrap(), "proxied");
    assert_eq!(http.get("http://example.org/").send().await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn a_proxy_is_a_word_or_a_table() {
    let of = |json: &str| {
        serde_json::from_str::<HttpConfig>(&format!(r#"{{"proxy": {json}}}"#)).map(|config| config.proxy)
    };
    assert_eq!(of(r#""system""#).unwrap(), Proxy::System);
    assert_eq!(of(r#""off""#).unwrap(), Proxy::Off);
    assert!(matches!(of(r#"{"url": "socks5://localhost:1080"}"#).unwrap(), Proxy::Through(_)));
    let ftp = HttpConfig { proxy: of(r#"{"url": "ftp://localhost"}"#).unwrap(), ..HttpConfig::default() };
    assert!(
        ftp.validate().unwrap_err().to_string().starts_with("proxy.url is ftp://localhost: must begin with")
    );
}
