//! What a request is about: the key of its policies, and the name it has in errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, Entry};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Uri};
use percent_encoding::percent_decode_str;
use seawall_core::{Error, FailureKind};

/// The key that policies are held under: `scheme://host:port`, in lower case, with the port always spelled out.
pub(crate) fn key(method: &Method, uri: &Uri) -> Result<String, Error> {
    let invalid = |what: &'static str| {
        Error::new(FailureKind::Permanent, "http", describe(method, uri)).not_executed().with_message(what)
    };
    let scheme = uri.scheme_str().ok_or_else(|| invalid("the url has no scheme: begin it with https://"))?;
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return Err(invalid("the url's scheme is neither http nor https")),
    };
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| invalid("the url has no host"))?;
    let port = uri.port_u16().unwrap_or(default_port);
    Ok(format!("{scheme}://{}:{port}", host.to_ascii_lowercase()))
}

/// What an error calls the request: method and URL, without user, password and query, which may be secrets.
pub(crate) fn describe(method: &Method, uri: &Uri) -> String {
    match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => {
            format!("{method} {scheme}://{}{}", without_user(authority), uri.path())
        }
        _ => format!("{method} {}", uri.path()),
    }
}

/// Takes `user:password@` out of the URL and sends it as Basic credentials (RFC 7617), unless the request has an
/// `Authorization` already; so no layer that logs URLs ever sees it.
pub(crate) fn move_credentials_to_header<B>(request: &mut Request<B>) {
    let Some(authority) = request.uri().authority() else { return };
    let Some((user_info, host)) = authority.as_str().rsplit_once('@') else { return };
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let mut plain: Vec<u8> = percent_decode_str(user).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));

    let mut parts = request.uri().clone().into_parts();
    parts.authority = Some(host.parse().expect("the part of an authority after the user is an authority"));
    *request.uri_mut() = Uri::from_parts(parts).expect("only the user was taken out of a valid uri");

    if let Entry::Vacant(entry) = request.headers_mut().entry(AUTHORIZATION) {
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain)))
            .expect("base64 is made of header characters");
        value.set_sensitive(true);
        entry.insert(value);
    }
}

fn without_user(authority: &Authority) -> &str {
    authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host)
}
