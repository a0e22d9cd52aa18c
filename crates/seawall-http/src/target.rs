//! What a request is about: the key of its policies, and the name it has in errors.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, Entry};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Uri};
use percent_encoding::percent_decode_str;
use seawall_core::{Error, FailureKind, Name};

use crate::outgoing::Head;
use crate::reception::Reception;

/// The key that policies are held under: `scheme://host:port`, in lower case, with the port always spelled out.
/// It is on the stack, because every call asks for one.
pub(crate) struct Key {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Key {
    /// The longest name that DNS knows has 253 characters.
    const LONGEST: usize = "https://".len() + 253 + ":65535".len();

    pub(crate) fn of(method: &Method, uri: &Uri) -> Result<Self, Error> {
        match Self::as_spelled(uri) {
            Some(key) => Ok(key),
            None => Self::normalized(method, uri),
        }
    }

    /// The key of a URL that spells its authority as keys do, but perhaps without the port.
    fn as_spelled(uri: &Uri) -> Option<Self> {
        let (scheme, default_port) = match uri.scheme_str()? {
            "http" => ("http://", ":80"),
            "https" => ("https://", ":443"),
            _ => return None,
        };
        let authority = uri.authority()?.as_str();
        let host_ends =
            authority.bytes().position(|byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
        let default_port = match host_ends.map(|end| authority.split_at(end)) {
            None if authority.is_empty() => return None,
            None => default_port,
            Some((host, port)) => {
                let port = port.strip_prefix(':')?;
                if host.is_empty() || port.starts_with(['0', '+']) || port.parse::<u16>().is_err() {
                    return None;
                }
                ""
            }
        };
        let mut key = Self { bytes: [0; Self::LONGEST], length: 0 };
        key.join([scheme, authority, default_port])?;
        Some(key)
    }

    fn normalized(method: &Method, uri: &Uri) -> Result<Self, Error> {
        let invalid = |what: &'static str| {
            Error::new(FailureKind::Permanent, "http", describe(method, uri))
                .not_executed()
                .with_message(what)
        };
        let scheme =
            uri.scheme_str().ok_or_else(|| invalid("the url has no scheme: begin it with https://"))?;
        let default_port = match scheme {
            "https" => "443",
            "http" => "80",
            _ => return Err(invalid("the url's scheme is neither http nor https")),
        };
        let host =
            uri.host().filter(|host| !host.is_empty()).ok_or_else(|| invalid("the url has no host"))?;
        let mut key = Self { bytes: [0; Self::LONGEST], length: 0 };
        let parts = match uri.port() {
            None => key.join([scheme, "://", host, ":", default_port]),
            Some(port) => match port.as_str().trim_start_matches('0') {
                "" => return Err(invalid("the url's port is 0")),
                port => key.join([scheme, "://", host, ":", port]),
            },
        };
        parts.ok_or_else(|| invalid("the url's host is longer than a host can be"))?;
        key.bytes[..key.length].make_ascii_lowercase();
        Ok(key)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("it is made of whole pieces of a uri")
    }

    fn join<const N: usize>(&mut self, parts: [&str; N]) -> Option<()> {
        for part in parts {
            let end = self.length + part.len();
            self.bytes.get_mut(self.length..end)?.copy_from_slice(part.as_bytes());
            self.length = end;
        }
        Some(())
    }
}

/// What a call is called in errors, put into words only if there is one.
#[derive(Clone)]
pub(crate) struct CallName(Arc<Head>);

impl CallName {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        Self(Arc::new(Head { method, uri, ..Head::default() }))
    }

    pub(crate) const fn of_head(head: Arc<Head>) -> Self {
        Self(head)
    }

    /// How its response is received.
    pub(crate) fn reception(&self) -> Reception {
        self.0.reception
    }

    /// Whether the request's URL is this one, and not one that redirects led away from.
    pub(crate) fn is_at(&self, url: &url::Url) -> bool {
        let uri = &self.0.uri;
        url.path() == uri.path()
            && url.query() == uri.query()
            && uri.host().is_some_and(|host| url.host_str().is_some_and(|at| at.eq_ignore_ascii_case(host)))
            && (uri.port_u16().is_none() || uri.port_u16() == url.port_or_known_default())
            && uri.scheme_str() == Some(url.scheme())
    }
}

impl fmt::Display for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(&self.0.method, &self.0.uri))
    }
}

impl From<&CallName> for Name {
    fn from(call: &CallName) -> Self {
        describe(&call.0.method, &call.0.uri).into()
    }
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
    // Few have one, and a search from behind costs much more.
    if !authority.as_str().as_bytes().contains(&b'@') {
        return;
    }
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

/// The address or name of a host: in a URL an address of IPv6 is in brackets, only to be told from its port (RFC 3986 §3.2.2).
pub(crate) fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn without_user(authority: &Authority) -> &str {
    authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host)
}
