//! How a connection of HTTP becomes one of a WebSocket (RFC 6455 §4.1).

use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use seawall_core::{Error, FailureKind, Name};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::deadline_header::OpenEnded;
use crate::failure::RootCause;
use crate::target::CallName;
use crate::{Body, Http, ResponseExt};

/// A connection, whatever it goes over.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<C: AsyncRead + AsyncWrite + Send + Unpin> Connection for C {}

/// Makes a connection by one call of the client.
pub(super) async fn connect(http: &Http, mut request: Request<Body>) -> Result<Box<dyn Connection>, Error> {
    speak_http(request.uri_mut());
    let key = generate_key();
    let asked = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().cloned().collect::<Vec<_>>();
    ask(&mut request, &key);
    let name = CallName::of(&request);
    let response = http.call(request).await?;
    let refused =
        |message: &'static str| Error::new(FailureKind::Permanent, "http", &name).with_message(message);
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let response = response.error_for_status()?;
        return Err(refused("the server did not change to the websocket protocol").with_source(
            Error::new(FailureKind::Permanent, "http", &name)
                .with_message(format!("it answered with status {}", response.status().as_u16())),
        ));
    }
    check(response.headers(), &key, &asked).map_err(refused)?;
    upgrade(response, Name::from(&name)).await
}

/// `ws:` and `wss:` are other names for what `http:` and `https:` connect to.
pub(super) fn speak_http(uri: &mut Uri) {
    let scheme = match uri.scheme_str() {
        Some("ws") => "http",
        Some("wss") => "https",
        _ => return,
    };
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(scheme.parse().expect("it is a scheme"));
    *uri = Uri::from_parts(parts).expect("only the scheme was changed");
}

fn ask(request: &mut Request<Body>, key: &str) {
    // Only this version of HTTP changes to another protocol.
    *request.version_mut() = Version::HTTP_11;
    request.extensions_mut().insert(OpenEnded);
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers
        .insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(key).expect("base64 is made of header characters"));
}

fn check(headers: &HeaderMap, key: &str, asked: &[HeaderValue]) -> Result<(), &'static str> {
    if !names(headers, &UPGRADE, "websocket") || !names(headers, &CONNECTION, "upgrade") {
        return Err("the server changed to another protocol than websocket");
    }
    let accept = derive_accept_key(key.as_bytes());
    if headers.get(SEC_WEBSOCKET_ACCEPT).is_none_or(|sent| sent.as_bytes().trim_ascii() != accept.as_bytes())
    {
        return Err("the server's answer belongs to another websocket handshake");
    }
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err("the server speaks websocket extensions that it was not asked for");
    }
    match headers.get(SEC_WEBSOCKET_PROTOCOL) {
        Some(chosen) if !asked.iter().any(|asked| lists(asked, chosen)) => {
            Err("the server chose a websocket subprotocol that it was not asked for")
        }
        _ => Ok(()),
    }
}

async fn upgrade(response: Response<Body>, name: Name) -> Result<Box<dyn Connection>, Error> {
    match hyper::upgrade::on(response).await {
        Ok(connection) => Ok(Box::new(TokioIo::new(connection))),
        Err(error) => Err(Error::new(FailureKind::Transient, "http", name)
            .with_message("the connection did not change its protocol")
            .with_source(RootCause::new(error))),
    }
}

fn names(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers.get_all(name).iter().any(|line| {
        line.as_bytes()
            .split(|&byte| byte == b',')
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    })
}

fn lists(list: &HeaderValue, item: &HeaderValue) -> bool {
    list.as_bytes().split(|&byte| byte == b',').any(|one| one.trim_ascii() == item.as_bytes().trim_ascii())
}
